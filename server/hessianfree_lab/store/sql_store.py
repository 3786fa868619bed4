"""The store over SQLAlchemy: each method one transaction around a function of the module that its noun names."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Engine, func, select

from hessianfree_lab.records import (
    Announcement,
    Assignment,
    AttemptInfo,
    CGTrace,
    Command,
    Control,
    FinishRequest,
    HeldRun,
    IngestBatch,
    IngestReply,
    JobSpec,
    Landscape,
    OptimizerInfo,
    Page,
    ProblemInfo,
    Run,
    RunChanges,
    ScriptRun,
    Spectrum,
    StepRecord,
    Worker,
)
from hessianfree_lab.records.series import Series
from hessianfree_lab.store import (
    attempts,
    controls,
    events,
    jobs,
    listing,
    readings,
    runs,
    series,
    workers,
)
from hessianfree_lab.store.access import Access
from hessianfree_lab.store.commits import Commits
from hessianfree_lab.store.database import Database
from hessianfree_lab.store.ids import IdFactory
from hessianfree_lab.store.interface import Counts, Event, Listener, LogEntry, RunQuery
from hessianfree_lab.store.tables import runs as run_table

_PIECE = 2_000
"""Steps read at a time where all of them are wanted."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class SqlStore:
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
        self._write, self._read = database.write, database.read
        self._commits = Commits(database.write)
        self._new_id = IdFactory()
        self.access = Access(self._write, self._read, self._new_id)

    def add_job(self, spec: JobSpec, *, idempotency_key: str | None = None) -> tuple[Run, bool]:
        with self._write() as tx:
            return jobs.add(tx, self._new_id(), spec, idempotency_key)

    def add_script_run(self, script: ScriptRun) -> Run:
        with self._write() as tx:
            return jobs.add_script_run(tx, self._new_id(), script)

    def get_run(self, run_id: str) -> Run:
        with self._read() as tx:
            return runs.get(tx, run_id)

    def states(self, run_ids: Collection[str]) -> dict[str, str]:
        with self._read() as tx:
            return runs.states(tx, run_ids)

    def list_runs(self, query: RunQuery) -> Page[Run]:
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

    def claim_job(self, worker_id: str) -> Assignment | None:
        with self._write() as tx:
            return jobs.claim(tx, worker_id)

    def append(self, run_id: str, batch: IngestBatch) -> IngestReply:
        return self._commits.append(run_id, batch)

    def submit(self, run_id: str, batch: IngestBatch) -> Future[IngestReply]:
        return self._commits.submit(run_id, batch)

    def finish(self, run_id: str, request: FinishRequest) -> Run:
        with self._write() as tx:
            return attempts.finish(tx, run_id, request)

    def reap(self, heard_before: datetime) -> list[str]:
        with self._write() as tx:
            workers.notice_silence(tx, heard_before)
            return attempts.lose(tx, heard_before)

    def add_worker(self, announcement: Announcement, *, token_id: str | None = None) -> str:
        with self._write() as tx:
            return workers.add(tx, self._new_id(), announcement, token_id)

    def heartbeat(self, worker_id: str, held: Sequence[HeldRun]) -> list[Command]:
        with self._write() as tx:
            return workers.heartbeat(tx, worker_id, held)

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

    def series(
        self,
        run_id: str,
        names: Sequence[str],
        *,
        x: str = "step",
        start: int | None = None,
        stop: int | None = None,
        max_points: int | None = None,
    ) -> Series:
        with self._read() as tx:
            return series.read(tx, run_id, names, x=x, start=start, stop=stop, max_points=max_points)

    def columns(self, run_id: str) -> dict[str, Literal["number", "flag", "text"]]:
        with self._read() as tx:
            return series.columns(tx, run_id)

    def rows(self, run_id: str) -> Iterator[StepRecord]:
        self.get_run(run_id)
        return self._rows(run_id)

    def _rows(self, run_id: str) -> Iterator[StepRecord]:
        after = 0
        while True:
            with self._read() as tx:
                piece = readings.rows(tx, run_id, after=after, limit=_PIECE)
            yield from piece
            if len(piece) < _PIECE:
                return
            after = piece[-1].step

    def trace(self, run_id: str, step: int) -> CGTrace:
        with self._read() as tx:
            return readings.trace(tx, run_id, step)

    def spectrum(self, run_id: str, step: int) -> Spectrum:
        with self._read() as tx:
            return readings.spectrum(tx, run_id, step)

    def spectrum_steps(self, run_id: str) -> list[int]:
        with self._read() as tx:
            return readings.spectrum_steps(tx, run_id)

    def landscape(self, run_id: str) -> Landscape | None:
        with self._read() as tx:
            return readings.landscape(tx, run_id)

    def logs(self, run_id: str, *, after: int = -1, limit: int = 1000) -> list[LogEntry]:
        with self._read() as tx:
            return readings.logs(tx, run_id, after=after, limit=limit)

    def last_event_id(self) -> int:
        with self._read() as tx:
            return events.last_id(tx)

    def events(self, after: int, *, runs: frozenset[str] | None = None, limit: int = 200) -> list[Event]:
        with self._read() as tx:
            return events.read(tx, after, runs, limit)

    def has_all_events_since(self, after: int) -> bool:
        with self._read() as tx:
            return events.has_all_since(tx, after)

    def subscribe(self, listener: Listener) -> None:
        self._database.subscribe(listener)

    def ping(self) -> None:
        self._database.ping()

    def counts(self) -> Counts:
        with self._read() as tx:
            by_state = select(run_table.c.state, func.count()).group_by(run_table.c.state)
            of_runs = {state: number for state, number in tx.connection.execute(by_state)}  # noqa: C416
            of_workers = {"idle": 0, "busy": 0, "gone": 0}
            for worker in workers.listing(tx):
                of_workers[worker.state] += 1
            return Counts(runs=of_runs, workers=of_workers)

    def close(self) -> None:
        self._commits.close()
        self._database.close()
