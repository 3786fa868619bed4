"""Inner solves: the latest one up to a step, and a sample of many."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import ColumnElement, func, select

from hessianfree_lab.records import CGTrace, decode
from hessianfree_lab.records.solves import Solve, SolveSample
from hessianfree_lab.store import runs as run_table
from hessianfree_lab.store.tables import traces
from hessianfree_lab.store.transaction import Transaction

Begin = Callable[[], AbstractContextManager[Transaction]]


class Solves:
    """What runs recorded of their inner solves, beside that of one step. `RunNotFound` for a run that is not there."""

    def __init__(self, read: Begin) -> None:
        self._read = read

    def latest(self, run_id: str, *, up_to: int | None = None, sliced: bool = False) -> CGTrace | None:
        """The last inner solve up to a step, that one included; None where there is none.

        `sliced`: the last that has the loss along its step.
        """
        query = select(traces.c.trace).where(*_within(run_id, None, up_to))
        if sliced:
            query = query.where(traces.c.sliced)
        with self._read() as tx:
            run_table.find(tx, run_id)
            found = tx.connection.scalar(query.order_by(traces.c.step.desc()).limit(1))
        return None if found is None else CGTrace.model_validate(found)

    def sample(
        self, run_id: str, *, start: int | None = None, stop: int | None = None, most: int = 400
    ) -> SolveSample:
        """Inner solves of the steps from `start` to `stop`, both included: all, or at most `most` of them.

        A sample has the first of each stretch of 2, 4, 8 ... steps from step 1 on: the same for every reader, and
        further steps change nothing but its end, until the width doubles.
        """
        with self._read() as tx:
            run_table.find(tx, run_id)
            return _sample(tx, run_id, start, stop, most)


def _sample(tx: Transaction, run_id: str, start: int | None, stop: int | None, most: int) -> SolveSample:
    within = _within(run_id, start, stop)
    first, last = tx.connection.execute(
        select(func.min(traces.c.step), func.max(traces.c.step)).where(*within)
    ).one()
    if first is None:
        return SolveSample()
    every = 1
    while (last - 1) // every - (first - 1) // every >= most:
        every *= 2
    chosen = select(func.min(traces.c.step)).where(*within).group_by((traces.c.step - 1) // every)
    # The columns of a figure, without the rest of each trace: the database is quicker to pick than Python to parse.
    query = (
        select(
            traces.c.step,
            traces.c.trace["residual_norms"].label("residual_norms"),
            traces.c.trace["ritz_values"].label("ritz_values"),
            traces.c.trace["preconditioned"].label("preconditioned"),
        )
        .where(traces.c.run_id == run_id, traces.c.step.in_(chosen))
        .order_by(traces.c.step)
    )
    return SolveSample(
        every=every,
        solves=tuple(
            Solve(
                step=row.step,
                residual_norms=_floats(row.residual_norms),
                ritz_values=_floats(row.ritz_values),
                preconditioned=bool(row.preconditioned),
            )
            for row in tx.connection.execute(query)
        ),
    )


def _within(run_id: str, start: int | None, stop: int | None) -> list[ColumnElement[bool]]:
    found = [traces.c.run_id == run_id]
    if start is not None:
        found.append(traces.c.step >= start)
    if stop is not None:
        found.append(traces.c.step <= stop)
    return found


def _floats(values: list[Any] | None) -> list[float]:
    """What was stored in wire encoding; none where a trace has none."""
    return [decode(value) for value in values or ()]
