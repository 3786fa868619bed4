"""One transaction, and what it leaves for those who wait for its commit."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert

from hessianfree_lab.store.interface import EVENTS
from hessianfree_lab.store.kept_summaries import KeptSummaries
from hessianfree_lab.store.tables import events

DROPPED = ("steps", "logs", "removed")
"""Kinds of events of which there may be any number."""


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """A connection inside its transaction, the moment it counts as, the lease in force, the events to keep."""

    connection: Connection
    now: datetime
    lease: timedelta
    kept_events: int
    topics: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)  # runs
    summaries: tuple[KeptSummaries, int] | None = None  # and their version when it began; not where it writes

    def wake(self, topic: str) -> None:
        """Publish the topic once this is committed."""
        self.topics.add(topic)

    def emit_run(self, run_id: str) -> None:
        """The run changed. Readers are told what it is like when they look, so only the latest such event is kept."""
        self.connection.execute(delete(events).where(events.c.run_id == run_id, events.c.kind == "run"))
        self._emit(kind="run", run_id=run_id)

    def emit_steps(self, run_id: str, *, attempt: int, first: int, last: int) -> None:
        self._emit(kind="steps", run_id=run_id, attempt=attempt, first=first, last=last)

    def emit_logs(self, run_id: str, *, attempt: int, first: int, last: int) -> None:
        self._emit(kind="logs", run_id=run_id, attempt=attempt, first=first, last=last)

    def emit_removed(self, run_id: str) -> None:
        self.connection.execute(delete(events).where(events.c.run_id == run_id))
        self._emit(kind="removed", run_id=run_id)

    def emit_workers(self) -> None:
        self.connection.execute(delete(events).where(events.c.kind == "workers", events.c.run_id.is_(None)))
        self._emit(kind="workers")

    def _emit(self, run_id: str | None = None, **values: str | int) -> None:
        if run_id is not None:
            self.changed.add(run_id)
            values["run_id"] = run_id
        row = self.connection.execute(insert(events).values(values)).inserted_primary_key
        assert row is not None
        if row.id % max(1, self.kept_events // 100) == 0:
            drop_old(self.connection, row.id - self.kept_events)
        self.wake(EVENTS)


def drop_old(connection: Connection, last: int) -> None:
    """Forget the events up to this one, but the latest of each run and of the workers: there is one of each."""
    connection.execute(delete(events).where(events.c.id <= last, events.c.kind.in_(DROPPED)))
