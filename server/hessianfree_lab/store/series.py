"""A run's steps as columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, select

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Scalar, decode
from hessianfree_lab.records.series import Series
from hessianfree_lab.store import chunks
from hessianfree_lab.store import runs as run_table
from hessianfree_lab.store.interface import COUNTING_METRICS
from hessianfree_lab.store.sampling import Floats, select_rows
from hessianfree_lab.store.summaries import to_float
from hessianfree_lab.store.tables import steps, summaries
from hessianfree_lab.store.transaction import Transaction

_OWN = ("step", "seconds", "wall_time")
_AT_ONCE = 500
"""Steps in one look-up by number."""


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
    if max_points is not None and chunks.exist(tx, run_id):
        return _sampled(tx, run_id, wanted, x=x, start=start, stop=stop, max_points=max_points)
    where = steps.c.run_id == run_id
    if stop is not None:
        where &= steps.c.step <= stop
    if start is not None and x in _OWN:
        where &= steps.c.step >= start
    numbers, axis, columns = _rows(tx, where, wanted, x)

    # A running total counts from the run's first step, whatever part of it is asked for.
    begin = next(
        (index for index, step in enumerate(numbers) if start is None or step >= start), len(numbers)
    )
    numbers, axis = numbers[begin:], axis[begin:]
    columns = {name: values[begin:] for name, values in columns.items()}
    total = len(numbers)
    if max_points is not None and total > max_points:
        kept = select_rows([chunks.as_column(values) for values in columns.values()], total, max_points)
        numbers, axis = [numbers[i] for i in kept], [axis[i] for i in kept]
        columns = {name: [values[i] for i in kept] for name, values in columns.items()}
    return Series(x_name=x, x=axis, steps=numbers, values=columns, total=total, sampled=len(numbers) < total)


def columns(tx: Transaction, run_id: str) -> dict[str, Any]:
    run_table.find(tx, run_id)
    query = select(summaries.c.metric, summaries.c.kind).where(summaries.c.run_id == run_id)
    return {metric: kind for metric, kind in sorted(tx.connection.execute(query))}  # noqa: C416 - rows, not tuples


def _sampled(
    tx: Transaction,
    run_id: str,
    wanted: list[str],
    *,
    x: str,
    start: int | None,
    stop: int | None,
    max_points: int,
) -> Series:
    """Choose the rows by columns, then read those rows alone."""
    counts = x in COUNTING_METRICS
    pieces = chunks.read(tx, run_id, [*wanted, x] if counts else wanted, None if counts else start, stop)
    numbers = np.concatenate([piece.numbers for piece in pieces] or [np.empty(0, dtype=np.int64)])
    begin = 0 if start is None else int(np.searchsorted(numbers, start))
    total = len(numbers) - begin
    joined = [_join(pieces, name) for name in wanted]
    kept = begin + select_rows([(v[begin:], m[begin:]) for v, m in joined], total, max_points)
    chosen = numbers[kept].tolist()
    found: tuple[list[int], list[float | str], dict[str, list[Any]]] = [], [], {name: [] for name in wanted}
    for first in range(0, len(chosen), _AT_ONCE):
        part = (steps.c.run_id == run_id) & steps.c.step.in_(chosen[first : first + _AT_ONCE])
        steps_found, axis_found, columns_found = _rows(tx, part, wanted, "step" if counts else x)
        found[0].extend(steps_found)
        found[1].extend(axis_found)
        for name, values in columns_found.items():
            found[2][name].extend(values)
    axis: list[float | str] = found[1]
    if counts:
        added, measured = _join(pieces, x)
        axis = np.cumsum(np.where(measured, added, 0.0))[kept].tolist()
    return Series(x_name=x, x=axis, steps=found[0], values=found[2], total=total, sampled=len(chosen) < total)


def _join(pieces: Sequence[chunks.Piece], name: str) -> tuple[Floats, Any]:
    """One metric over all pieces; not measured where a piece has nothing of it."""
    found = [
        piece.columns.get(name, (np.zeros(len(piece.numbers)), np.zeros(len(piece.numbers), dtype=bool)))
        for piece in pieces
    ]
    if not found:
        return np.empty(0), np.empty(0, dtype=bool)
    return np.concatenate([values for values, _ in found]), np.concatenate([there for _, there in found])


def _rows(
    tx: Transaction, where: ColumnElement[bool], wanted: Sequence[str], x: str
) -> tuple[list[int], list[float | str], dict[str, list[Any]]]:
    """Numbers of the steps, the x axis, and the values of each metric."""
    axis: list[float | str]
    if x in ("seconds", "wall_time"):
        rows, metrics = chunks.rows_of(tx, where, steps.c.step, steps.c[x])
        numbers = [row.step for row in rows]
    else:
        found = chunks.steps_of(tx, where, [*wanted, x] if x in COUNTING_METRICS else wanted)
        numbers, metrics = [step for step, _ in found], [row for _, row in found]
    if x in COUNTING_METRICS:
        axis = np.cumsum([_count(row.get(x)) for row in metrics]).tolist()
    elif x == "wall_time":
        axis = [row.wall_time.isoformat().replace("+00:00", "Z") for row in rows]
    elif x == "seconds":
        axis = [row.seconds for row in rows]
    else:
        axis = list(numbers)
    return numbers, axis, {name: chunks.values_of(metrics, name) for name in wanted}


def _numeric(tx: Transaction, run_id: str) -> list[str]:
    return [name for name, kind in columns(tx, run_id).items() if kind == "number"]


def _count(value: Scalar) -> float:
    """What a step adds to a running total; nothing where it was not measured, or is no number."""
    number = decode(value)
    if isinstance(number, str) or number is None:
        return 0
    return number if isinstance(number, int) and abs(number) < 2**53 else to_float(number)
