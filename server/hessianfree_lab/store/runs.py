"""Runs as they are read, changed by hand, and removed."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from hessianfree_lab.errors import RunNotFound, WrongState
from hessianfree_lab.lifecycle import State, may_become
from hessianfree_lab.records import Progress, Run, RunChanges, RunSummary
from hessianfree_lab.store import removals, summaries
from hessianfree_lab.store.tables import controls, runs, tags
from hessianfree_lab.store.transaction import Transaction


def find(tx: Transaction, run_id: str) -> Row[Any]:
    """The row, or `RunNotFound`."""
    row = tx.connection.execute(select(runs).where(runs.c.id == run_id, removals.IS_THERE)).one_or_none()
    if row is None:
        raise RunNotFound(run_id)
    return row


def get(tx: Transaction, run_id: str) -> Run:
    return assemble(tx, [find(tx, run_id)])[0]


def get_many(tx: Transaction, run_ids: Sequence[str]) -> list[Run]:
    """The runs of these ids, in their order; `RunNotFound` for the first that is not there."""
    found = select(runs).where(runs.c.id.in_(run_ids), removals.IS_THERE)
    rows = {row.id: row for row in tx.connection.execute(found)}
    for run_id in run_ids:
        if run_id not in rows:
            raise RunNotFound(run_id)
    return assemble(tx, [rows[run_id] for run_id in run_ids])


def states(tx: Transaction, run_ids: Collection[str]) -> dict[str, str]:
    found = select(runs.c.id, runs.c.state).where(runs.c.id.in_(run_ids), removals.IS_THERE)
    rows = tx.connection.execute(found)
    return {row.id: row.state for row in rows}


def assemble(tx: Transaction, rows: Sequence[Row[Any]]) -> list[Run]:
    """Runs of these rows, in their order, with what hangs on them: three queries however many there are."""
    ids = [row.id for row in rows]
    summary = summaries.load(tx, ids)
    labels: dict[str, list[str]] = defaultdict(list)
    for run_id, tag in tx.connection.execute(
        select(tags.c.run_id, tags.c.tag)
        .where(tags.c.run_id.in_(ids))
        .order_by(tags.c.run_id, tags.c.position)
    ):
        labels[run_id].append(tag)
    asked = func.count() + func.count(controls.c.applied_at) + func.count(controls.c.error)
    versions = tx.connection.execute(
        select(controls.c.run_id, asked).where(controls.c.run_id.in_(ids)).group_by(controls.c.run_id)
    )
    version = {run_id: number for run_id, number in versions}  # noqa: C416
    return [
        _to_run(row, summary[row.id], labels[row.id], version.get(row.id, 0), tx.now, tx.lease)
        for row in rows
    ]


def move(tx: Transaction, row: Row[Any], target: State, verb: str, **values: Any) -> None:
    """Take a run to another state, if lifecycle's table has that arrow; `verb` says in the error what was wanted."""
    if not may_become(State(row.state), target):
        raise WrongState(f"Run {row.id} is {row.state}: it cannot be {verb}.", state=row.state)
    tx.connection.execute(update(runs).where(runs.c.id == row.id).values(state=target.value, **values))
    tx.emit_run(row.id)
    tx.touch_sweep(row.sweep_id)


def change(tx: Transaction, run_id: str, changes: RunChanges) -> Run:
    find(tx, run_id)
    given = {key: value for key, value in changes.model_dump(exclude_unset=True).items() if value is not None}
    labels = given.pop("tags", None)
    if given:
        tx.connection.execute(update(runs).where(runs.c.id == run_id).values(given))
    if labels is not None:
        set_tags(tx, run_id, labels)
    tx.emit_run(run_id)
    return get(tx, run_id)


def set_tags(tx: Transaction, run_id: str, labels: Iterable[str]) -> None:
    """Replace the tags; one given twice counts once."""
    tx.connection.execute(delete(tags).where(tags.c.run_id == run_id))
    rows = [
        {"run_id": run_id, "position": position, "tag": label}
        for position, label in enumerate(dict.fromkeys(labels))
    ]
    if rows:
        tx.connection.execute(insert(tags), rows)


def remove(tx: Transaction, run_id: str) -> None:
    row = find(tx, run_id)
    if is_held(row):
        raise WrongState(f"Run {run_id} is {row.state}: cancel it before it is removed.", state=row.state)
    removals.begin(tx, row)


def is_held(row: Row[Any]) -> bool:
    """Whether an attempt at the run is under way, training or held back."""
    return row.state in (State.RUNNING, State.PAUSED) and row.heard_at is not None


def is_silent(row: Row[Any], now: datetime, lease: timedelta) -> bool:
    """Whether an attempt that is under way has not been heard of for longer than a lease."""
    return is_held(row) and now - row.heard_at > lease


def _to_run(
    row: Row[Any], summary: RunSummary, labels: list[str], version: int, now: datetime, lease: timedelta
) -> Run:
    return Run(
        id=row.id,
        kind=row.kind,
        name=row.name,
        state=row.state,
        cause=row.cause,
        spec=row.spec,
        attempt=row.attempt,
        max_attempts=row.max_attempts,
        priority=row.priority,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        progress=Progress(step=row.step, steps=row.steps, seconds=row.seconds, eta_seconds=eta_seconds(row)),
        summary=summary,
        environment=row.environment,
        error=row.error,
        worker=row.worker_id,
        sweep=row.sweep_id,
        tags=labels,
        notes=row.notes,
        archived=row.archived,
        pinned=row.pinned,
        colour=row.colour,
        stop_requested=row.stop_requested,
        pause_requested=row.pause_requested,
        controls_version=version,
        stale=is_silent(row, now, lease),
    )


def eta_seconds(row: Row[Any]) -> float | None:
    """What the budget leaves, at the pace of the latest attempt; None unless running and a pace is known."""
    if row.state != State.RUNNING:
        return None
    left = []
    if row.steps is not None and row.seconds_per_step is not None:
        left.append(max(0, row.steps - row.step) * row.seconds_per_step)
    seconds = (row.spec.get("budget") or {}).get("seconds") if row.kind == "job" else None
    if seconds is not None:
        left.append(max(0.0, seconds - row.seconds))
    return min(left, default=None)
