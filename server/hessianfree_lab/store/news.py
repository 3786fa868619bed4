"""What one transaction tells the readers of events: gathered while it works, written as its last act.

Readers go on from the highest id they have seen, so ids must become visible in their order. A sequence gives them out
in the order of asking, and of two transactions the one that asked first may be committed last: its events would be
read by nobody. So whoever writes events does it at the very end, and on a database with several servers holds a lock
from there to the end of its commit.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert

from hessianfree_lab.store.tables import events

QUIET = "quiet"
"""Kind of an event that no stream shows: what other servers keep of this run or sweep is out of date."""
DROPPED = ("steps", "logs", "removed", QUIET)
"""Kinds of events of which there may be any number."""
_LATEST = ("run", "sweep", "workers")
"""Kinds that say what readers look up anyway: of each run, each sweep and the workers only the latest is kept."""
_AT_ONCE = 500
"""Ids in one statement: well below what any database allows."""

Row = dict[str, Any]


class News:
    """Events in the order in which they were last told."""

    def __init__(self) -> None:
        self._rows: dict[object, Row] = {}

    def __bool__(self) -> bool:
        return bool(self._rows)

    def tell(self, kind: str, run_id: str | None = None) -> None:
        """Of this run or sweep, or (None) of the workers; what was told of the same kind before gives way."""
        self._rows.pop((kind, run_id), None)
        self._rows[kind, run_id] = _row(kind, run_id)

    def tell_range(self, kind: str, run_id: str, *, attempt: int, first: int, last: int) -> None:
        """Steps or log lines with these numbers are new."""
        self._rows[object()] = _row(kind, run_id, attempt=attempt, first=first, last=last)

    def tell_removed(self, run_id: str) -> None:
        """The run is gone, and with it whatever was told of it."""
        self._rows = {key: row for key, row in self._rows.items() if row["run_id"] != run_id}
        self.tell("removed", run_id)

    def add_quiet(self, changed: Collection[str]) -> None:
        """Have an event for each of these runs and sweeps, for the other servers if for nobody else."""
        told = {row["run_id"] for row in self._rows.values()}
        for run_id in sorted(set(changed) - told):
            self.tell(QUIET, run_id)

    def write(self, connection: Connection, *, kept_events: int) -> None:
        """Store the events in place of those that they make superfluous, and forget what is older than those kept."""
        rows = list(self._rows.values())
        _remove_all(connection, [row["run_id"] for row in rows if row["kind"] == "removed"])
        for kind in _LATEST:
            _remove_latest(connection, kind, [row["run_id"] for row in rows if row["kind"] == kind])
        ids = connection.scalars(_INSERT, rows).all()
        every = max(1, kept_events // 100)
        if ids[-1] // every > (ids[0] - 1) // every:
            last = ids[-1] - kept_events
            connection.execute(delete(events).where(events.c.id <= last, events.c.kind.in_(DROPPED)))


_INSERT = insert(events).returning(events.c.id, sort_by_parameter_order=True)


def _row(kind: str, run_id: str | None, **numbers: int) -> Row:
    return {"kind": kind, "run_id": run_id, "attempt": None, "first": None, "last": None} | numbers


def _remove_all(connection: Connection, run_ids: Sequence[str]) -> None:
    for start in range(0, len(run_ids), _AT_ONCE):
        of_these = events.c.run_id.in_(run_ids[start : start + _AT_ONCE])
        connection.execute(delete(events).where(of_these))


def _remove_latest(connection: Connection, kind: str, run_ids: Sequence[str | None]) -> None:
    for start in range(0, len(run_ids), _AT_ONCE):
        ids = run_ids[start : start + _AT_ONCE]
        of_these = events.c.run_id.is_(None) if kind == "workers" else events.c.run_id.in_(ids)
        connection.execute(delete(events).where(events.c.kind == kind, of_these))
