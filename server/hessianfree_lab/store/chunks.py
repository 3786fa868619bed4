"""Long series as columns: what a plot is chosen from, without the rows it stands for.

Steps 1 to 1024 are chunk 0, and so on. A chunk is written some time after its last step, anew when a step comes
late, and dropped with its steps. Where there is none rows are read: chunks make reading faster, never different.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
from pydantic_core import from_json
from sqlalchemy import JSON, ColumnElement, Text, cast, delete, func, insert, literal, select, type_coerce

from hessianfree_lab.records import Scalar, decode
from hessianfree_lab.store.summaries import to_float
from hessianfree_lab.store.tables import chunks, steps
from hessianfree_lab.store.transaction import Transaction

SIZE = 1024
_FEWEST = 64
"""Rows that make a chunk worth it: of a run that records every thousandth step there are none."""
_STEPS = ""
_FEW = 8
"""Metrics that the database picks out of a row faster than all of them are read."""
_PLAIN = re.compile(r"[A-Za-z][\w ./:()%-]*")
"""Names that a JSON path has no other reading of."""

Column = tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]
"""Values, and whether each was measured."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Neighbouring rows: the numbers of their steps, and of each metric a column."""

    numbers: npt.NDArray[np.int64]
    columns: Mapping[str, Column]

    def between(self, start: int | None, stop: int | None) -> "Piece":
        """The part from step `start` to `stop`, both included."""
        begin = 0 if start is None else int(np.searchsorted(self.numbers, start))
        end = len(self.numbers) if stop is None else int(np.searchsorted(self.numbers, stop, side="right"))
        if (begin, end) == (0, len(self.numbers)):
            return self
        columns = {name: (v[begin:end], m[begin:end]) for name, (v, m) in self.columns.items()}
        return Piece(numbers=self.numbers[begin:end], columns=columns)


def exist(tx: Transaction, run_id: str) -> bool:
    query = select(chunks.c.number).where(chunks.c.run_id == run_id, chunks.c.metric == _STEPS).limit(1)
    return tx.connection.scalar(query) is not None


def update(tx: Transaction, run_id: str, written: Iterable[int], *, before: int, highest: int) -> None:
    """Write the chunks that `written` steps have completed or changed. `before`, `highest`: the last step then, now."""
    delay = (
        crc32(run_id.encode()) % SIZE
    )  # or runs that began together would all have a chunk to write at once
    touched = {(step - 1) // SIZE for step in (*written, before, before - delay) if step > 0}
    for number in sorted(touched):
        if (number + 1) * SIZE + delay <= highest:
            _write(tx, run_id, number)


def drop(tx: Transaction, run_id: str, first: int) -> None:
    """The chunks that reach step `first` or beyond."""
    tx.connection.execute(
        delete(chunks).where(chunks.c.run_id == run_id, chunks.c.number >= (first - 1) // SIZE)
    )


def read(
    tx: Transaction, run_id: str, names: Sequence[str], start: int | None, stop: int | None
) -> list[Piece]:
    """All rows from `start` to `stop` in order, from chunks where there are some."""
    found = _load(tx, run_id, names, start, stop)
    pieces, after = [], 0 if start is None else start - 1
    for number in sorted(found):
        pieces.append(_from_rows(tx, run_id, names, after + 1, number * SIZE))
        pieces.append(found[number])
        after = (number + 1) * SIZE
    pieces.append(_from_rows(tx, run_id, names, after + 1, stop))
    cut = [piece.between(start, stop) for piece in pieces if piece is not None]
    return [piece for piece in cut if len(piece.numbers)]


def steps_of(
    tx: Transaction, where: ColumnElement[bool], names: Sequence[str] | None = None
) -> list[tuple[int, dict[str, Any]]]:
    """Numbers and metrics, in wire encoding, of the steps, in order. `names`: these metrics are enough; None: all.

    The database picks the metrics and joins the rows into one text: it does so beside the interpreter, and a row of its
    own for each would make this thread hand Python's lock on and wait for it again a thousand times.
    """
    picks = names is not None and len(names) <= _FEW and all(map(_PLAIN.fullmatch, names))
    text = _picked(names or ()) if picks else _text_of_metrics(tx)
    rows = select(steps.c.step, text.label("text")).where(where).order_by(steps.c.step).subquery()
    pair = literal("[") + cast(rows.c.step, Text) + literal(",") + rows.c.text + literal("]")
    joined = tx.connection.scalar(select(func.aggregate_strings(pair, ",")))
    found = sorted(from_json(f"[{joined or ''}]"), key=itemgetter(0))
    if not picks:
        return found
    return [(step, dict(zip(names or (), values, strict=True))) for step, values in found]


def _picked(names: Sequence[str]) -> ColumnElement[str]:
    """These metrics of a row as the text of a JSON array; null where one was not measured."""
    values: ColumnElement[str] = literal("")
    for index, name in enumerate(names):
        value = cast(type_coerce(steps.c.metrics, JSON).op("->")(literal(name, Text)), Text)
        values = values + literal("," if index else "") + func.coalesce(value, "null")
    return literal("[") + values + literal("]")


def rows_of(tx: Transaction, where: ColumnElement[bool], *more: Any) -> tuple[Sequence[Any], list[Any]]:
    """Steps as rows of `more`, and their metrics in wire encoding, in order."""
    query = select(*more, _text_of_metrics(tx).label("text")).where(where).order_by(steps.c.step)
    rows = tx.connection.execute(query).all()
    # One parse of all together is several times faster than one of each.
    return rows, from_json("[" + ",".join(row.text for row in rows) + "]")


def _text_of_metrics(tx: Transaction) -> ColumnElement[str]:
    if tx.connection.dialect.name == "sqlite":
        return type_coerce(steps.c.metrics, Text)  # it is text already
    return cast(steps.c.metrics, Text)


def values_of(metrics: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """One metric of all rows; None where it was not measured."""
    values = [row.get(name) for row in metrics]
    return list(map(decode, values)) if str in set(map(type, values)) else values


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


def _load(
    tx: Transaction, run_id: str, names: Sequence[str], start: int | None, stop: int | None
) -> dict[int, Piece]:
    query = select(chunks).where(chunks.c.run_id == run_id, chunks.c.metric.in_([_STEPS, *names]))
    if start is not None:
        query = query.where(chunks.c.number >= (start - 1) // SIZE)
    if stop is not None:
        query = query.where(chunks.c.number <= (stop - 1) // SIZE)
    numbers: dict[int, npt.NDArray[np.int64]] = {}
    columns: dict[int, dict[str, Column]] = {}
    for row in tx.connection.execute(query):
        if row.metric == _STEPS:
            numbers[row.number] = np.frombuffer(row.packed, dtype="<i8")
            continue
        values = np.frombuffer(row.packed, dtype="<f8")
        if row.measured is None:
            measured = np.ones(len(values), dtype=bool)
        else:
            bits = np.frombuffer(row.measured, dtype=np.uint8)
            measured = np.unpackbits(bits, count=len(values)).astype(bool)
        columns.setdefault(row.number, {})[row.metric] = (values, measured)
    return {
        number: Piece(numbers=array, columns=columns.get(number, {})) for number, array in numbers.items()
    }


def _from_rows(
    tx: Transaction, run_id: str, names: Sequence[str] | None, first: int, last: int | None
) -> Piece | None:
    """A piece of rows; `names` None: every metric that was measured there."""
    if last is not None and last < first:
        return None
    where = (steps.c.run_id == run_id) & (steps.c.step >= first)
    if last is not None:
        where &= steps.c.step <= last
    found = steps_of(tx, where, names)
    numbers = np.array([step for step, _ in found], dtype=np.int64)
    metrics = [row for _, row in found]
    if names is None:
        names = list(dict.fromkeys(chain.from_iterable(metrics)))
    return Piece(numbers=numbers, columns={name: as_column(values_of(metrics, name)) for name in names})


def _write(tx: Transaction, run_id: str, number: int) -> None:
    tx.connection.execute(delete(chunks).where(chunks.c.run_id == run_id, chunks.c.number == number))
    piece = _from_rows(tx, run_id, None, number * SIZE + 1, (number + 1) * SIZE)
    if piece is None or len(piece.numbers) < _FEWEST:
        return
    of_chunk = {"run_id": run_id, "number": number}
    rows = [of_chunk | {"metric": _STEPS, "packed": piece.numbers.astype("<i8").tobytes(), "measured": None}]
    for name, (values, measured) in piece.columns.items():
        if measured.any():
            bits = None if measured.all() else np.packbits(measured).tobytes()
            rows.append(
                of_chunk | {"metric": name, "packed": values.astype("<f8").tobytes(), "measured": bits}
            )
    tx.connection.execute(insert(chunks), rows)
