"""The store over SQLAlchemy: each method one transaction around a function of the module that its noun names."""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import Engine, func, insert, select

from hessianfree_lab.records import (
    Announcement,
    Assignment,
    AttemptInfo,
    Capacity,
    Command,
    Control,
    DeviceLoad,
    FinishRequest,
    HeldRun,
    IngestBatch,
    IngestReply,
    JobSpec,
    Offer,
    OptimizerInfo,
    Page,
    ProblemInfo,
    Run,
    RunChanges,
    RunPage,
    ScriptRun,
    Worker,
)
from hessianfree_lab.store import (
    attempts,
    controls,
    events,
    jobs,
    listing,
    removals,
    runs,
    workers,
)
from hessianfree_lab.store.access import Access
from hessianfree_lab.store.commits import Commits
from hessianfree_lab.store.database import Database
from hessianfree_lab.store.ids import IdFactory
from hessianfree_lab.store.interface import Answer, Counts, Event, Listener, OtherServers, RunQuery
from hessianfree_lab.store.peers import Alone, Peers
from hessianfree_lab.store.solves import Solves
from hessianfree_lab.store.sql_readings import SqlReadings
from hessianfree_lab.store.sweeps import Sweeps
from hessianfree_lab.store.table import RunTable
from hessianfree_lab.store.tables import instance
from hessianfree_lab.store.tables import runs as run_table
from hessianfree_lab.store.waiting import Waiting, longest_wait


def utc_now() -> datetime:
    return datetime.now(UTC)


class SqlStore(SqlReadings):
    """`Store` on an engine whose tables are up to date. `kept_events`: how many are kept for those who come back."""

    def __init__(
        self,
        engine: Engine,
        *,
        lease_seconds: float,
        kept_events: int = 100_000,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        database = Database(
            engine, lease=timedelta(seconds=lease_seconds), kept_events=kept_events, clock=clock
        )
        self._database = database
        self._kept_events = kept_events
        self._write, self._write_beside, self._read = database.write, database.write_beside, database.read
        self._commits = Commits(database.write_beside)
        self._new_id = IdFactory()
        self.sweeps = Sweeps(self._write, self._read, self._new_id)
        self.access = Access(self._write, self._read, self._new_id, is_shared=database.is_shared)
        self.table = RunTable(self._write, self._read, self._new_id)
        self.waiting = Waiting(self._write, self._read)
        self.solves = Solves(self._read)
        self.peers: OtherServers = Peers(engine, database.origin) if database.is_shared else Alone()

    def add_job(self, spec: JobSpec, *, idempotency_key: str | None = None) -> tuple[Run, bool]:
        with self._write() as tx:
            return jobs.add(tx, self._new_id(), spec, idempotency_key)

    def add_script_run(self, script: ScriptRun, *, idempotency_key: str | None = None) -> Run:
        with self._write() as tx:
            return jobs.add_script_run(tx, self._new_id(), script, idempotency_key)

    def get_run(self, run_id: str) -> Run:
        with self._read() as tx:
            return runs.get(tx, run_id)

    def get_runs(self, run_ids: Sequence[str]) -> list[Run]:
        with self._read() as tx:
            return runs.get_many(tx, run_ids)

    def states(self, run_ids: Collection[str]) -> dict[str, str]:
        with self._read() as tx:
            return runs.states(tx, run_ids)

    def list_runs(self, query: RunQuery) -> RunPage:
        with self._read() as tx:
            return listing.find(tx, query)

    def queue(self, *, limit: int = 50, cursor: str | None = None) -> Page[Run]:
        with self._read() as tx:
            return listing.queue(tx, limit, cursor)

    def change_run(self, run_id: str, changes: RunChanges) -> Run:
        with self._write() as tx:
            return runs.change(tx, run_id, changes)

    def set_priority(self, run_id: str, priority: int) -> Run:
        with self._write() as tx:
            return jobs.set_priority(tx, run_id, priority)

    def remove_run(self, run_id: str) -> None:
        with self._write() as tx:
            runs.remove(tx, run_id)

    def clear_removed(self) -> str | None:
        with self._write() as tx:
            return removals.clear(tx)

    def request_cancel(self, run_id: str) -> Run:
        with self._write() as tx:
            return jobs.request_cancel(tx, run_id)

    def requeue(self, run_id: str, *, from_scratch: bool) -> Run:
        with self._write() as tx:
            return jobs.requeue(tx, run_id, from_scratch=from_scratch)

    def request_pause(self, run_id: str, *, requested_by: str | None = None) -> Run:
        with self._write() as tx:
            return controls.request_pause(tx, run_id, requested_by)

    def request_resume(self, run_id: str, *, requested_by: str | None = None) -> Run:
        with self._write() as tx:
            return controls.request_resume(tx, run_id, requested_by)

    def request_set(
        self, run_id: str, settings: Mapping[str, Any], *, requested_by: str | None = None
    ) -> Control:
        with self._write() as tx:
            return controls.request_set(tx, run_id, settings, requested_by)

    def controls(self, run_id: str) -> list[Control]:
        with self._read() as tx:
            return controls.listing(tx, run_id)

    def attempts(self, run_id: str) -> list[AttemptInfo]:
        with self._read() as tx:
            return attempts.listing(tx, run_id)

    def claim_job(self, worker_id: str, offer: Offer | None = None) -> Assignment | None:
        with self._write_beside() as tx:
            return jobs.claim(tx, worker_id, offer)

    def append(self, run_id: str, batch: IngestBatch) -> IngestReply:
        return self._commits.append(run_id, batch)

    def submit(self, run_id: str, batch: IngestBatch) -> Future[IngestReply]:
        return self._commits.submit(run_id, batch)

    def finish(self, run_id: str, request: FinishRequest) -> Run:
        with self._write_beside() as tx:
            return attempts.finish(tx, run_id, request)

    def reap(self, heard_before: datetime) -> list[HeldRun]:
        with self._write() as tx:
            workers.notice_silence(tx, heard_before)
            return attempts.lose(tx, heard_before)

    def add_worker(self, announcement: Announcement, *, token_id: str | None = None) -> str:
        with self._write() as tx:
            return workers.add(tx, self._new_id(), announcement, token_id)

    def heartbeat(
        self, worker_id: str, held: Sequence[HeldRun], load: Sequence[DeviceLoad] = ()
    ) -> list[Command]:
        with self._write_beside() as tx:
            return workers.heartbeat(tx, worker_id, held, load)

    def set_capacity(self, worker_id: str, capacity: Capacity) -> None:
        with self._write() as tx:
            workers.set_capacity(tx, worker_id, capacity)

    def remove_worker(self, worker_id: str) -> None:
        with self._write() as tx:
            workers.remove(tx, worker_id)

    def workers(self) -> list[Worker]:
        with self._read() as tx:
            return workers.listing(tx)

    def problems(self) -> list[ProblemInfo]:
        with self._read() as tx:
            return workers.known_problems(tx)

    def optimizers(self) -> list[OptimizerInfo]:
        with self._read() as tx:
            return workers.known_optimizers(tx)

    def answers(
        self, run_ids: Sequence[str], question: Hashable, make: Callable[[str], Answer]
    ) -> dict[str, Answer]:
        return self._database.answers(run_ids, question, make)

    def last_event_id(self) -> int:
        with self._read() as tx:
            return events.last_id(tx)

    def events(self, after: int, *, runs: frozenset[str] | None = None, limit: int = 200) -> list[Event]:
        with self._read() as tx:
            return events.read(tx, after, runs, limit)

    def has_all_events_since(self, after: int) -> bool:
        with self._read() as tx:
            return events.has_all_since(tx, after, kept_events=self._kept_events)

    def subscribe(self, listener: Listener) -> None:
        self._database.subscribe(listener)

    @cached_property
    def server_id(self) -> str:
        with self._read() as tx:
            known: str | None = tx.connection.scalar(select(instance.c.id))
        if known is not None:
            return known
        with self._write() as tx:
            known = tx.connection.scalar(select(instance.c.id))
            if known is None:  # otherwise another server has drawn it meanwhile
                known = self._new_id()
                tx.connection.execute(insert(instance).values(id=known))
        return known

    def ping(self) -> None:
        self._database.ping()

    def counts(self) -> Counts:
        with self._read() as tx:
            by_state = select(run_table.c.state, func.count()).where(removals.IS_THERE)
            by_state = by_state.group_by(run_table.c.state)
            of_runs = {state: number for state, number in tx.connection.execute(by_state)}  # noqa: C416
            of_workers = {"idle": 0, "busy": 0, "gone": 0}
            for worker in workers.listing(tx):
                of_workers[worker.state] += 1
            return Counts(runs=of_runs, workers=of_workers, waiting_seconds=longest_wait(tx))

    def close(self) -> None:
        self._commits.close()
        self._database.close()
