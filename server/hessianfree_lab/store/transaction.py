"""One transaction, and what it leaves for those who wait for its commit."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert

from hessianfree_lab.store.interface import EVENTS
from hessianfree_lab.store.tables import events


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """A connection inside its transaction, the moment it counts as, and the lease in force."""

    connection: Connection
    now: datetime
    lease: timedelta
    topics: set[str] = field(default_factory=set)

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

    def _emit(self, **values: str | int) -> None:
        self.connection.execute(insert(events).values(values))
        self.wake(EVENTS)
