"""A run's steps as columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic_core import from_json
from sqlalchemy import Text, cast, select, type_coerce

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Scalar, decode
from hessianfree_lab.records.series import Series
from hessianfree_lab.store import runs as run_table
from hessianfree_lab.store.interface import COUNTING_METRICS
from hessianfree_lab.store.sampling import select_rows
from hessianfree_lab.store.summaries import to_float
from hessianfree_lab.store.tables import steps, summaries
from hessianfree_lab.store.transaction import Transaction

_OWN = ("step", "seconds", "wall_time")


def read(
    tx: Transaction,
    run_id: str,
    names: Sequence[str],
    *,
    x: str,
    start: int | None,
    stop: int | None,
    max_points: int | None,
) -> Series:
    if x not in (*_OWN, *COUNTING_METRICS):
        allowed = ", ".join((*_OWN, *COUNTING_METRICS))
        raise InvalidRequest([Fault("x", f"x is {x!r}; it must be one of {allowed}.")])
    run_table.find(tx, run_id)
    wanted = list(dict.fromkeys(names)) or _numeric(tx, run_id)
    query = select(steps.c.step, steps.c.seconds, steps.c.wall_time).where(steps.c.run_id == run_id)
    if stop is not None:
        query = query.where(steps.c.step <= stop)
    if start is not None and x in _OWN:
        query = query.where(steps.c.step >= start)
    is_sqlite = tx.connection.dialect.name == "sqlite"
    # The text itself: one parse of all rows together is several times faster than one of each.
    text = type_coerce(steps.c.metrics, Text) if is_sqlite else cast(steps.c.metrics, Text)
    rows = tx.connection.execute(query.add_columns(text).order_by(steps.c.step)).all()
    metrics: list[dict[str, Any]] = from_json("[" + ",".join(row[3] for row in rows) + "]")

    axis: list[float | str]
    if x in COUNTING_METRICS:
        counts = [_count(row.get(x)) for row in metrics]
        axis = np.cumsum(counts).tolist()
    elif x == "wall_time":
        axis = [row.wall_time.isoformat().replace("+00:00", "Z") for row in rows]
    else:
        axis = [getattr(row, x) for row in rows]
    numbers = [row.step for row in rows]
    columns = {name: [decode(row.get(name)) for row in metrics] for name in wanted}

    # A running total counts from the run's first step, whatever part of it is asked for.
    begin = next(
        (index for index, step in enumerate(numbers) if start is None or step >= start), len(numbers)
    )
    numbers, axis = numbers[begin:], axis[begin:]
    columns = {name: values[begin:] for name, values in columns.items()}
    total = len(numbers)
    if max_points is not None and total > max_points:
        kept = select_rows([_as_floats(values) for values in columns.values()], total, max_points).tolist()
        numbers, axis = [numbers[i] for i in kept], [axis[i] for i in kept]
        columns = {name: [values[i] for i in kept] for name, values in columns.items()}
    return Series(x_name=x, x=axis, steps=numbers, values=columns, total=total, sampled=len(numbers) < total)


def columns(tx: Transaction, run_id: str) -> dict[str, Any]:
    run_table.find(tx, run_id)
    query = select(summaries.c.metric, summaries.c.kind).where(summaries.c.run_id == run_id)
    return {metric: kind for metric, kind in sorted(tx.connection.execute(query))}  # noqa: C416 - rows, not tuples


def _numeric(tx: Transaction, run_id: str) -> list[str]:
    return [name for name, kind in columns(tx, run_id).items() if kind == "number"]


def _count(value: Scalar) -> float:
    """What a step adds to a running total; nothing where it was not measured, or is no number."""
    number = decode(value)
    if isinstance(number, str) or number is None:
        return 0
    return number if isinstance(number, int) and abs(number) < 2**53 else to_float(number)


def _as_floats(
    values: Sequence[Scalar],
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.bool_]]]:
    """Values and whether each was measured. Text has no extremes: it counts as not measured."""
    measured = np.array([value is not None and not isinstance(value, str) for value in values], dtype=bool)
    floats = [to_float(value) if there else 0.0 for value, there in zip(values, measured, strict=True)]
    return np.array(floats, dtype=np.float64), measured
