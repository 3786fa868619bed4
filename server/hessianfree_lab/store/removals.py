"""Runs on their way out: gone for everybody at once, their records piece by piece afterwards.

A run of a million steps takes many seconds to delete, and whoever else writes would have to wait for all of it.
"""

from typing import Any

from sqlalchemy import Column, Row, delete, select, update

from hessianfree_lab.store.interface import REMOVALS
from hessianfree_lab.store.tables import (
    chunks,
    idempotency_keys,
    log_lines,
    runs,
    spectra,
    steps,
    tags,
    traces,
)
from hessianfree_lab.store.transaction import Transaction

REMOVED = "removed"
"""Where the state of a run stands that is not there any more; not one of lifecycle's, for nobody sees a run in it."""
IS_THERE = runs.c.state != REMOVED

_PIECES: tuple[tuple[Column[Any], int], ...] = (
    (steps.c.step, 1_000),
    (traces.c.step, 200),
    (spectra.c.step, 200),
    (log_lines.c.position, 1_000),
    (chunks.c.metric, 1),
)
"""Of which column so many values go in one transaction: some megabytes. The rest of a run is small."""


def begin(tx: Transaction, row: Row[Any]) -> None:
    """The run is gone: nothing finds it, and its name, tags and keys are free. `clear` makes room."""
    for table in (tags, idempotency_keys):
        tx.connection.execute(delete(table).where(table.c.run_id == row.id))
    gone = {"state": REMOVED, "sweep_id": None, "trial": None, "heard_at": None}
    tx.connection.execute(update(runs).where(runs.c.id == row.id).values(**gone))
    tx.emit_removed(row.id)
    tx.touch_sweep(row.sweep_id)
    tx.wake(REMOVALS)


def clear(tx: Transaction) -> str | None:
    """Delete a piece of what a removed run recorded, at last the run; its id. None: there is none."""
    run_id: str | None = tx.connection.scalar(select(runs.c.id).where(runs.c.state == REMOVED).limit(1))
    if run_id is None:
        return None
    if not any(_delete_some(tx, run_id, key, most) for key, most in _PIECES):
        tx.connection.execute(delete(runs).where(runs.c.id == run_id))
    return run_id


def _delete_some(tx: Transaction, run_id: str, key: Column[Any], most: int) -> bool:
    of_run = key.table.c.run_id == run_id
    some = select(key).where(of_run).limit(most)
    return tx.connection.execute(delete(key.table).where(of_run, key.in_(some))).rowcount > 0
