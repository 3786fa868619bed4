"""The event stream: what changed, looked up as it is now."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, or_, select

from hessianfree_lab.store import runs as run_table
from hessianfree_lab.store.interface import Event
from hessianfree_lab.store.news import QUIET
from hessianfree_lab.store.tables import events, log_lines, runs, steps
from hessianfree_lab.store.transaction import Transaction

_MERGED = 1_000
"""Ranges of steps or lines are joined into one message up to this length."""


def last_id(tx: Transaction) -> int:
    return tx.connection.scalar(select(func.max(events.c.id))) or 0


def has_all_since(tx: Transaction, after: int, *, kept_events: int) -> bool:
    return after >= last_id(tx) - kept_events


def read(tx: Transaction, after: int, wanted: frozenset[str] | None, limit: int) -> list[Event]:
    while changes := _changes(tx, after, wanted, limit):
        shown = _runs(tx, [change.run_id for change in changes if change.kind == "run" and change.run_id])
        found = []
        for change in _join(changes):
            data = shown.get(change.run_id or "") if change.kind == "run" else _look_up(tx, change)
            if data is not None:
                found.append(Event(id=change.id, kind=change.kind, data=data))
        if found:
            return found
        after = changes[-1].id  # all of it was dropped since: look further
    return []


@dataclass(frozen=True, kw_only=True)
class _Change:
    """A row of the table of events, or several joined; for steps and logs the numbers `first` to `last`."""

    id: int
    kind: Any
    run_id: str | None
    attempt: int | None
    first: int | None
    last: int | None

    def joined_with(self, later: "_Change") -> "_Change | None":
        """Both as one under the later id; None when they are about different things, or too much for one message."""
        same = (self.kind, self.run_id, self.attempt) == (later.kind, later.run_id, later.attempt)
        if not same:
            return None
        if self.first is None or self.last is None or later.first is None or later.last is None:
            return later
        first, last = min(self.first, later.first), max(self.last, later.last)
        return replace(later, first=first, last=last) if last - first < _MERGED else None


def _changes(tx: Transaction, after: int, wanted: frozenset[str] | None, limit: int) -> list[_Change]:
    query = select(events).where(events.c.id > after).order_by(events.c.id).limit(limit)
    if wanted is None:
        query = query.where(events.c.kind.in_(("run", "removed", "workers", "sweep")))
    else:
        query = query.where(
            or_(events.c.run_id.in_(wanted), events.c.run_id.is_(None)), events.c.kind != QUIET
        )
    return [
        _Change(
            id=row.id, kind=row.kind, run_id=row.run_id, attempt=row.attempt, first=row.first, last=row.last
        )
        for row in tx.connection.execute(query)
    ]


def _join(changes: list[_Change]) -> list[_Change]:
    """Neighbours become one. Only neighbours: whoever saw an id must have seen everything up to it."""
    result: list[_Change] = []
    for change in changes:
        joined = result[-1].joined_with(change) if result else None
        if joined is not None:
            result[-1] = joined
        else:
            result.append(change)
    return result


def _runs(tx: Transaction, run_ids: list[str]) -> dict[str, dict[str, Any]]:
    rows = tx.connection.execute(select(runs).where(runs.c.id.in_(run_ids))).all()
    return {run.id: run.model_dump(mode="json") for run in run_table.assemble(tx, rows)}


def _look_up(tx: Transaction, change: _Change) -> dict[str, Any] | None:
    """What the stream says of the change; None when nothing of it is left."""
    match change.kind:
        case "steps":
            records = _steps(tx, change)
            return {"run": change.run_id, "attempt": change.attempt, "steps": records} if records else None
        case "logs":
            lines = _lines(tx, change)
            return {"run": change.run_id, "attempt": change.attempt, "lines": lines} if lines else None
        case "removed":
            return {"run": change.run_id}
        case "sweep":
            return {"sweep": change.run_id}
        case _:
            return {}


def _steps(tx: Transaction, change: _Change) -> list[dict[str, Any]]:
    query = (
        select(steps.c.step, steps.c.wall_time, steps.c.seconds, steps.c.metrics)
        .where(
            steps.c.run_id == change.run_id,
            steps.c.attempt == change.attempt,
            steps.c.step.between(change.first, change.last),
        )
        .order_by(steps.c.step)
    )
    return [dict(row) for row in tx.connection.execute(query).mappings()]


def _lines(tx: Transaction, change: _Change) -> list[dict[str, Any]]:
    query = (
        select(log_lines.c.number, log_lines.c.time, log_lines.c.stream, log_lines.c.text)
        .where(
            log_lines.c.run_id == change.run_id,
            log_lines.c.attempt == change.attempt,
            log_lines.c.number.between(change.first, change.last),
        )
        .order_by(log_lines.c.number)
    )
    return [dict(row) for row in tx.connection.execute(query).mappings()]
