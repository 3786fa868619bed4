"""One transaction, and what it leaves for those who wait for its commit."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from hessianfree_lab.store.interface import EVENTS, SWEEPS
from hessianfree_lab.store.kept_readings import Keeping
from hessianfree_lab.store.news import News
from hessianfree_lab.store.tables import runs


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """A connection inside its transaction, the moment it counts as, and the lease in force.

    `is_shared`: other servers may write to this database, now. `kept`: what is kept of readings; not where it writes.
    """

    connection: Connection
    now: datetime
    lease: timedelta
    is_shared: bool = False
    kept: Keeping | None = None
    topics: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)  # runs and sweeps
    news: News = field(default_factory=News)

    def hold_runs(self, run_ids: Collection[str]) -> None:
        """Keep other servers from changing these runs until this is committed; to be called before they are read.

        Once in a transaction, and in the order of their ids: two that hold some and wait for each other's would wait
        for good.
        """
        if self.is_shared and run_ids:
            wanted = select(runs.c.id).where(runs.c.id.in_(sorted(run_ids))).order_by(runs.c.id)
            self.connection.execute(wanted.with_for_update(key_share=True))

    def wake(self, topic: str) -> None:
        """Publish the topic once this is committed."""
        self.topics.add(topic)

    def emit_run(self, run_id: str) -> None:
        """The run changed. Readers are told what it is like when they look, so only the latest such event is kept."""
        self.emit_runs([run_id])

    def emit_runs(self, run_ids: Sequence[str]) -> None:
        """`emit_run` for each."""
        for run_id in run_ids:
            self.news.tell("run", run_id)
        self.changed.update(run_ids)
        self.wake(EVENTS)

    def emit_sweep(self, sweep_id: str) -> None:
        """The sweep has begun, ended, got more trials or is gone."""
        self.news.tell("sweep", sweep_id)
        self.changed.add(sweep_id)
        self.wake(EVENTS)

    def touch_sweep(self, sweep_id: str | None) -> None:
        """A run of this sweep has come to another state, or is gone. None: it is of no sweep."""
        if sweep_id is not None:
            self.changed.add(sweep_id)
            self.wake(SWEEPS)

    def emit_steps(self, run_id: str, *, attempt: int, first: int, last: int) -> None:
        self._emit_range("steps", run_id, attempt, first, last)

    def emit_logs(self, run_id: str, *, attempt: int, first: int, last: int) -> None:
        self._emit_range("logs", run_id, attempt, first, last)

    def emit_removed(self, run_id: str) -> None:
        self.news.tell_removed(run_id)
        self.changed.add(run_id)
        self.wake(EVENTS)

    def emit_workers(self) -> None:
        self.news.tell("workers")
        self.wake(EVENTS)

    def _emit_range(self, kind: str, run_id: str, attempt: int, first: int, last: int) -> None:
        self.news.tell_range(kind, run_id, attempt=attempt, first=first, last=last)
        self.changed.add(run_id)
        self.wake(EVENTS)
