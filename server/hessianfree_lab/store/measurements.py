"""Every row of a few metrics: what is made of rows is made of all of them, not of a sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from hessianfree_lab.store import axes, chunks
from hessianfree_lab.store import runs as run_table
from hessianfree_lab.store.rows import Column, Floats, Numbers
from hessianfree_lab.store.tables import steps
from hessianfree_lab.store.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Rows of a run in order of step: their steps, their place along each x, and a column of each metric asked for.

    x is in seconds where it is a time: since 1970, or of `elapsed` since the first row. A column has the values, and
    whether each was measured.
    """

    steps: Numbers
    x: Mapping[str, Floats]
    columns: Mapping[str, Column]


def read(
    tx: Transaction, run_id: str, names: Sequence[str], *, along: Sequence[str], last: int | None
) -> Columns:
    for x in along:
        axes.check(x)
    run_table.find(tx, run_id)
    made_of = {x: axes.column_of(x) or "" for x in along}
    wanted = list(dict.fromkeys([*names, *filter(None, made_of.values())]))
    start = None if last is None or any(map(axes.counts_from_first, along)) else _first_of(tx, run_id, last)
    piece = chunks.read(tx, run_id, wanted, start, None)
    kept = slice(None if last is None else max(0, len(piece.numbers) - last), None)
    return Columns(
        steps=piece.numbers[kept],
        x={
            x: axes.places(x, piece.numbers, piece.columns.get(column))[kept] for x, column in made_of.items()
        },
        columns={
            name: (values[kept], there[kept]) for name in names for values, there in [piece.columns[name]]
        },
    )


def _first_of(tx: Transaction, run_id: str, last: int) -> int | None:
    """The step with which the `last` rows begin; None: the run has no more than those."""
    query = select(steps.c.step).where(steps.c.run_id == run_id).order_by(steps.c.step.desc())
    return tx.connection.scalar(query.offset(last - 1).limit(1))
