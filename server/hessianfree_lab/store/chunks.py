"""Long series as columns: what plots of a long run are read from, without its rows.

Steps 1 to 1024 are chunk 0, and so on. A chunk is written some time after its last step, anew when a step comes
late, and dropped with its steps. Where there is none rows are read: chunks make reading faster, never different.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from sqlalchemy import ColumnElement, delete, func, insert, select

from hessianfree_lab.store.rows import CLOCKS, Column, Numbers, as_column, clocks_of, metrics_of
from hessianfree_lab.store.tables import chunks, steps
from hessianfree_lab.store.transaction import Transaction

SIZE = 1024
_FEWEST = 64
"""Rows that make a chunk worth it: of a run that records every thousandth step there are none."""
_STEPS = ""
_AT_ONCE = 64
"""Chunks that are fetched together, half a megabyte."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Neighbouring rows: the numbers of their steps, and a column of each metric and clock that was asked for."""

    numbers: Numbers
    columns: Mapping[str, Column]

    def between(self, start: int | None, stop: int | None) -> "Piece":
        """The part from step `start` to `stop`, both included."""
        begin = 0 if start is None else int(np.searchsorted(self.numbers, start))
        end = len(self.numbers) if stop is None else int(np.searchsorted(self.numbers, stop, side="right"))
        if (begin, end) == (0, len(self.numbers)):
            return self
        columns = {name: (v[begin:end], m[begin:end]) for name, (v, m) in self.columns.items()}
        return Piece(numbers=self.numbers[begin:end], columns=columns)


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


def read(tx: Transaction, run_id: str, names: Sequence[str], start: int | None, stop: int | None) -> Piece:
    """All rows from step `start` to `stop` in order, from chunks where there are some; `names`: metrics and clocks."""
    of_run = chunks.c.run_id == run_id
    if start is not None:
        of_run &= chunks.c.number >= (start - 1) // SIZE
    if stop is not None:
        of_run &= chunks.c.number <= (stop - 1) // SIZE
    numbers = _numbers(tx, of_run, {name for name in names if name in CLOCKS})
    pieces: list[Piece] = []
    begins: dict[int, int] = {}  # of each chunk, the row it begins with
    after, rows = 0 if start is None else start - 1, 0
    for number in sorted(numbers):
        before = _from_rows(tx, run_id, names, after + 1, number * SIZE)
        begins[number] = rows + len(before.numbers)
        rows = begins[number] + len(numbers[number])
        pieces += [before, Piece(numbers=numbers[number], columns={})]
        after = (number + 1) * SIZE
    pieces.append(_from_rows(tx, run_id, names, after + 1, stop))
    joined = _join(pieces, names)
    _fill(tx, of_run, joined.columns, begins)
    return joined.between(start, stop)


def _join(pieces: Sequence[Piece], names: Sequence[str]) -> Piece:
    """One piece of all; a metric is not measured where a piece has nothing of it."""
    numbers = np.concatenate([np.empty(0, dtype=np.int64), *(piece.numbers for piece in pieces)])
    columns = {name: (np.zeros(len(numbers)), np.zeros(len(numbers), dtype=bool)) for name in names}
    begin = 0
    for piece in pieces:
        end = begin + len(piece.numbers)
        for name in columns.keys() & piece.columns.keys():
            for whole, part in zip(columns[name], piece.columns[name], strict=True):
                whole[begin:end] = part
        begin = end
    return Piece(numbers=numbers, columns=columns)


def _numbers(tx: Transaction, of_run: ColumnElement[bool], clocks: Collection[str]) -> dict[int, Numbers]:
    """By chunk, the numbers of its steps.

    Chunks that were written before clocks were part of them are as good as none where a clock is asked for.
    """
    query = select(chunks.c.number, chunks.c.packed).where(of_run, chunks.c.metric == _STEPS)
    if clocks:
        timed = select(chunks.c.number).where(of_run, chunks.c.metric.in_(clocks))
        timed = timed.group_by(chunks.c.number).having(func.count() == len(clocks))
        query = query.where(chunks.c.number.in_(timed))
    return {number: np.frombuffer(packed, dtype="<i8") for number, packed in tx.connection.execute(query)}


def _fill(
    tx: Transaction, of_run: ColumnElement[bool], columns: Mapping[str, Column], begins: Mapping[int, int]
) -> None:
    """Put what chunks have into its place, one after the other: there is never a second copy of it all."""
    if not columns or not begins:
        return
    query = select(chunks.c.metric, chunks.c.number, chunks.c.packed, chunks.c.measured).where(
        of_run, chunks.c.metric.in_(columns)
    )
    for metric, number, packed, bits in tx.connection.execute(
        query, execution_options={"yield_per": _AT_ONCE}
    ):
        if number not in begins:
            continue
        values, measured = columns[metric]
        found = np.frombuffer(packed, dtype="<f8")
        rows = slice(begins[number], begins[number] + len(found))
        values[rows] = found
        measured[rows] = (
            True
            if bits is None
            else np.unpackbits(np.frombuffer(bits, dtype=np.uint8), count=len(found)).astype(bool)
        )


def _from_rows(
    tx: Transaction, run_id: str, names: Sequence[str] | None, first: int, last: int | None
) -> Piece:
    """A piece of rows; `names` None: both clocks and every metric that was measured there."""
    if last is not None and last < first:
        return Piece(numbers=np.empty(0, dtype=np.int64), columns={})
    where = (steps.c.run_id == run_id) & (steps.c.step >= first)
    if last is not None:
        where &= steps.c.step <= last
    metrics = None if names is None else [name for name in names if name not in CLOCKS]
    columns: dict[str, Column] = {}
    if names is None or len(metrics or ()) < len(names):
        numbers, columns = clocks_of(tx, where)
        if metrics == []:
            return Piece(numbers=numbers, columns=columns)
    numbers, values = metrics_of(tx, where, metrics)
    columns |= {name: as_column(found) for name, found in values.items()}
    return Piece(numbers=numbers, columns=columns)


def _write(tx: Transaction, run_id: str, number: int) -> None:
    tx.connection.execute(delete(chunks).where(chunks.c.run_id == run_id, chunks.c.number == number))
    piece = _from_rows(tx, run_id, None, number * SIZE + 1, (number + 1) * SIZE)
    if len(piece.numbers) < _FEWEST:
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
