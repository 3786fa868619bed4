"""Rows of steps as columns: the metrics of many steps in one reading, in order of step."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic_core import from_json
from sqlalchemy import JSON, ColumnElement, Text, cast, func, literal, select, type_coerce

from hessianfree_lab.records import Scalar, decode
from hessianfree_lab.records.scalars import to_float
from hessianfree_lab.store.tables import steps
from hessianfree_lab.store.transaction import Transaction

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Column = tuple[Floats, Flags]
"""Values, and whether each was measured."""

SECONDS = ":seconds"
WALL_TIME = ":wall_time"
CLOCKS = (SECONDS, WALL_TIME)
"""What every step has beside its metrics, under names that no metric can have. Wall time: microseconds since 1970."""

_FEW = 8
"""Metrics that the database picks out of a row faster than all of them are read."""
_PLAIN = re.compile(r"[A-Za-z][\w ./:()%-]*")
"""Names that a JSON path has no other reading of."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def metrics_of(
    tx: Transaction, where: ColumnElement[bool], names: Sequence[str] | None = None
) -> tuple[Numbers, dict[str, list[Scalar]]]:
    """Numbers of the steps in order, and the values of these metrics; None: of every metric that one of them has.

    None where a step has no such value. The database picks the metrics and joins all rows of each into one text: it
    does so beside the interpreter, and a row of its own for each would make this thread hand Python's lock on and wait
    for it again a thousand times.
    """
    if names is None or len(names) > _FEW or not all(map(_PLAIN.fullmatch, names)):
        numbers, (rows,) = _joined(tx, where, [_text_of_metrics(tx)])
        found = list(dict.fromkeys(chain.from_iterable(rows))) if names is None else names
        return numbers, {name: _decoded([row.get(name) for row in rows]) for name in found}
    numbers, columns = _joined(tx, where, [_text_of_value(tx, name) for name in names])
    return numbers, {name: _decoded(values) for name, values in zip(names, columns, strict=True)}


def clocks_of(tx: Transaction, where: ColumnElement[bool]) -> tuple[Numbers, dict[str, Column]]:
    """Numbers of the steps, and when they were made by both clocks, in order."""
    query = select(steps.c.step, steps.c.seconds, steps.c.wall_time).where(where).order_by(steps.c.step)
    rows = tx.connection.execute(query).all()
    every = np.ones(len(rows), dtype=bool)
    seconds = np.array([row.seconds for row in rows], dtype=np.float64)
    # A whole number of microseconds is exact as a float until the year 2255.
    times = np.array([(row.wall_time - _EPOCH).total_seconds() * 1e6 for row in rows], dtype=np.float64)
    numbers = np.array([row.step for row in rows], dtype=np.int64)
    return numbers, {SECONDS: (seconds, every), WALL_TIME: (np.rint(times), every)}


def as_column(values: Sequence[Scalar]) -> Column:
    """Text has no extremes: it counts as not measured."""
    if set(map(type, values)) <= {float, int}:
        try:
            return np.array(values, dtype=np.float64), np.ones(len(values), dtype=bool)
        except OverflowError:  # an integer beyond all floats
            pass
    measured = np.array([value is not None and not isinstance(value, str) for value in values], dtype=bool)
    floats = [to_float(value) if there else 0.0 for value, there in zip(values, measured, strict=True)]
    return np.array(floats, dtype=np.float64), measured


def _joined(
    tx: Transaction, where: ColumnElement[bool], texts: Sequence[ColumnElement[str]]
) -> tuple[Numbers, list[list[Any]]]:
    """Numbers of the steps in order, and what the JSON texts of each stand for."""
    labelled = [text.label(f"text_{index}") for index, text in enumerate(texts)]
    rows = select(cast(steps.c.step, Text).label("number"), *labelled).where(where).order_by(steps.c.step)
    inner = rows.subquery()
    row = tx.connection.execute(select(*(func.aggregate_strings(column, ",") for column in inner.c))).one()
    numbers, *columns = (from_json(f"[{text or ''}]") for text in row)
    order = np.argsort(np.array(numbers, dtype=np.int64), kind="stable")  # a database need not keep it
    if not np.array_equal(order, np.arange(len(order))):
        columns = [[column[place] for place in order] for column in columns]
    return np.sort(np.array(numbers, dtype=np.int64)), columns


def _decoded(values: list[Any]) -> list[Any]:
    return list(map(decode, values)) if str in set(map(type, values)) else values


def _text_of_value(tx: Transaction, name: str) -> ColumnElement[str]:
    """A metric of a row as JSON; null where it was not measured."""
    # SQLite takes a name with a dot for a path, unless the path itself says where names end.
    key = f'$."{name}"' if tx.connection.dialect.name == "sqlite" else name
    return func.coalesce(
        cast(type_coerce(steps.c.metrics, JSON).op("->")(literal(key, Text)), Text), literal("null", Text)
    )


def _text_of_metrics(tx: Transaction) -> ColumnElement[str]:
    if tx.connection.dialect.name == "sqlite":
        return type_coerce(steps.c.metrics, Text)  # it is text already
    return cast(steps.c.metrics, Text)
