"""What every store does. The docstrings are the contract; tests/server/store holds each back end to them.

All methods may be called from any thread. A method that writes is one transaction: it returns after the commit, or
raises and has changed nothing. Unknown ids raise `RunNotFound` or `WorkerNotFound`; a state that forbids the change
raises `WrongState`, which carries the state. A database that cannot (its disk is full, it is read-only, it is
held by another program, it is away) raises `DatabaseUnavailable`; once it can again, so can the store.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

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
    LogLine,
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

if TYPE_CHECKING:
    from hessianfree_lab.store.access import Access

MAX_PAGE = 200
COUNTING_METRICS = ("gradient_equivalents", "curvature_products", "loss_evaluations")
"""Metrics whose running total can be an x axis."""

EVENTS = "events"
"""Topic: there are new events."""
QUEUE = "queue"
"""Topic: a job may be there for the taking."""


def commands_for(worker_id: str) -> str:
    """Topic: this worker has something to do, or to drop."""
    return f"commands:{worker_id}"


Listener = Callable[[frozenset[str]], None]
"""Called with the topics of every committed write, in the thread that wrote; must not block or raise."""


@dataclass(frozen=True, kw_only=True)
class RunQuery:
    """Which runs, in which order. Filters left empty let everything through.

    `sort`: `created_at`, `name`, `state`, `<metric>.first|last|min|max`; `-` before it: descending. Runs without a
    finite value come last either way; equals are ordered newest first.
    """

    state: tuple[str, ...] = ()
    problem: str | None = None
    optimizer: str | None = None
    tag: str | None = None
    q: str | None = None
    archived: bool | None = False  # None: archived or not
    sort: str = "-created_at"
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """One message of the event stream. `data` is plain JSON, non-finite numbers as their wire strings."""

    id: int
    kind: Literal["run", "steps", "logs", "removed", "workers"]
    data: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """A log line and the attempt that printed it; `position` orders all lines of a run."""

    position: int
    attempt: int
    line: LogLine


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What the service's own monitoring shows."""

    runs: dict[str, int]  # by state
    workers: dict[str, int]  # by state


class Store(Protocol):
    """Runs, their records, the queue and the workers."""

    @property
    def access(self) -> "Access":
        """Tokens and sessions."""
        ...

    # --- runs ---------------------------------------------------------------------------------------------------

    def add_job(self, spec: JobSpec, *, idempotency_key: str | None = None) -> tuple[Run, bool]:
        """Queue a validated spec. The run, and whether it is new: a key seen before answers its run unchanged."""
        ...

    def add_script_run(self, script: ScriptRun) -> Run:
        """A run that a script records by itself: `running`, attempt 1, no worker, no lease."""
        ...

    def get_run(self, run_id: str) -> Run: ...

    def states(self, run_ids: Collection[str]) -> dict[str, str]:
        """The states of these runs; those that are not there are left out."""
        ...

    def list_runs(self, query: RunQuery) -> Page[Run]:
        """One page. A sort that is not known, or a cursor of another sort, raises `InvalidRequest`."""
        ...

    def queue(self, *, limit: int = 50, cursor: str | None = None) -> Page[Run]:
        """The queued jobs in the order in which they will be claimed, then the running and paused ones likewise."""
        ...

    def change_run(self, run_id: str, changes: RunChanges) -> Run:
        """Set what `changes` was given explicitly."""
        ...

    def set_priority(self, run_id: str, priority: int) -> Run:
        """Only while queued."""
        ...

    def remove_run(self, run_id: str) -> None:
        """Delete a run with everything recorded; not while an attempt is under way."""
        ...

    def request_cancel(self, run_id: str) -> Run:
        """Without an attempt under way: `cancelled` at once. With one: `stop_requested`; asking twice is no error.

        A script's run that has been silent for longer than a lease has nobody to tell: `cancelled` at once.
        """
        ...

    def requeue(self, run_id: str, *, from_scratch: bool) -> Run:
        """Put an ended job back into the queue with `max_attempts` more attempts.

        `from_scratch` empties its record, controls included, and no later attempt uses a checkpoint of an earlier one.
        """
        ...

    # --- live control -------------------------------------------------------------------------------------------

    def request_pause(self, run_id: str, *, requested_by: str | None = None) -> Run:
        """Hold a job back. Queued: `paused` at once. Running: `pause_requested`; `paused` once the job says so.

        Asking twice is no error and no second control. `WrongState` for a run that has ended, is about to be
        cancelled, or is a script's. A run held back whose attempt is lost or interrupted is `paused`, without an
        attempt, however many it had.
        """
        ...

    def request_resume(self, run_id: str, *, requested_by: str | None = None) -> Run:
        """Let a job that is held back, or about to be, go on. Without an attempt: `queued` at once, for one at least.

        `WrongState` as for `request_pause`, and for a job that nobody holds back.
        """
        ...

    def request_set(
        self, run_id: str, settings: Mapping[str, Any], *, requested_by: str | None = None
    ) -> Control:
        """Ask for other settings (already validated) from the next step on; of a job without an attempt, of its next.

        `WrongState` for a run that has ended, is about to be cancelled, or is a script's.
        """
        ...

    def controls(self, run_id: str) -> list[Control]:
        """Everything asked of the run, in the order of asking.

        Those still to be done when the run ends get an `error`. A `set` lives through lost and interrupted
        attempts and retries; a pause or resume that is to be done when an attempt ends is done by that.
        """
        ...

    def attempts(self, run_id: str) -> list[AttemptInfo]:
        """The attempts at the run, in order."""
        ...

    # --- attempts -----------------------------------------------------------------------------------------------

    def claim_job(self, worker_id: str) -> Assignment | None:
        """Start the next attempt of the first queued job that fits the worker, by priority, then age.

        A job fits when the worker announced its problem and its optimizer and has the cuda devices it asks for. No
        two claims get the same attempt. It is told the run's `set` controls, and up to which step all are stored.
        """
        ...

    def append(self, run_id: str, batch: IngestBatch) -> IngestReply:
        """Store a batch; sending it twice, or in parts and in any order, leaves the same record.

        `StaleAttempt` when its attempt is not the current one or has ended. The first step that a newer attempt
        sends drops what older attempts recorded from that step on. `applied` notes controls as done, once: `pause`
        and `resume` take the run to `paused` and back, a budget's steps become the run's.
        """
        ...

    def submit(self, run_id: str, batch: IngestBatch) -> Future[IngestReply]:
        """As `append`, without waiting: the reply, or the error, comes after the commit.

        Batches that wait at the same time are committed together; one that fails does not fail the others.
        """
        ...

    def finish(self, run_id: str, request: FinishRequest) -> Run:
        """End the current attempt; the run's next state is `lifecycle.after_attempt`'s. Fenced like `append`."""
        ...

    def reap(self, heard_before: datetime) -> list[str]:
        """End as `lost` every leased attempt last heard of before that moment; the ids of their runs."""
        ...

    # --- workers ------------------------------------------------------------------------------------------------

    def add_worker(self, announcement: Announcement, *, token_id: str | None = None) -> str:
        """Register a worker, with the token of that id; its new id. Its problems and optimizers stay known for good."""
        ...

    def heartbeat(self, worker_id: str, held: Sequence[HeldRun]) -> list[Command]:
        """Renew the leases of the attempts named, and say what is to be done with them.

        `cancel` for each that is to stop; `drop` for each that is no longer this worker's; otherwise the controls
        that the job has not yet said to have done, in the order of asking.
        """
        ...

    def remove_worker(self, worker_id: str) -> None:
        """The worker leaves; what it holds ends as `interrupted`."""
        ...

    def workers(self) -> list[Worker]:
        """Workers seen within a day, newest first; `gone` when left or silent for longer than a lease."""
        ...

    def problems(self) -> list[ProblemInfo]:
        """Every problem ever announced, in its latest form, by name."""
        ...

    def optimizers(self) -> list[OptimizerInfo]:
        """Every optimizer ever announced, in its latest form, by name."""
        ...

    # --- what a run recorded ------------------------------------------------------------------------------------

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
        """Columns of the steps from `start` to `stop`, both included; no names: every numeric metric.

        `x`: `step`, `seconds`, `wall_time`, or one of `COUNTING_METRICS`, whose running total since the run's first
        step it then is. More than `max_points` rows are thinned to each column's minima and maxima; first, last and
        every non-finite row always stay, so a few more may come. A name that no step has is a column of None.
        """
        ...

    def columns(self, run_id: str) -> dict[str, Literal["number", "flag", "text"]]:
        """Every metric the run has, in alphabetical order, and the kind of its values."""
        ...

    def rows(self, run_id: str) -> Iterator[StepRecord]:
        """Every step in order, read in pieces: no transaction stays open between two of them."""
        ...

    def trace(self, run_id: str, step: int) -> CGTrace:
        """The inner solve of a step; `RecordNotFound` where none was recorded."""
        ...

    def spectrum(self, run_id: str, step: int) -> Spectrum:
        """The spectrum before a step; `RecordNotFound` where none was recorded."""
        ...

    def spectrum_steps(self, run_id: str) -> list[int]:
        """The steps that have a spectrum, ascending."""
        ...

    def landscape(self, run_id: str) -> Landscape | None: ...

    def logs(self, run_id: str, *, after: int = -1, limit: int = 1000) -> list[LogEntry]:
        """Lines whose position is above `after`, by position."""
        ...

    # --- events -------------------------------------------------------------------------------------------------

    def last_event_id(self) -> int:
        """Id of the latest committed event; 0: none yet."""
        ...

    def events(self, after: int, *, runs: frozenset[str] | None = None, limit: int = 200) -> list[Event]:
        """What was committed after event `after`, oldest first, out of the next `limit` events.

        Neighbouring events about one thing come as one, as it is now, under the id of the last. `runs` None: of
        every run, but without steps and logs.
        """
        ...

    def has_all_events_since(self, after: int) -> bool:
        """Whether nothing that came after event `after` has been dropped.

        Of steps, logs and removed runs the latest events are kept; the latest of each run always is.
        """
        ...

    def subscribe(self, listener: Listener) -> None: ...

    # --- itself -------------------------------------------------------------------------------------------------

    def ping(self) -> None:
        """Raise `DatabaseUnavailable` unless something can be written."""
        ...

    def counts(self) -> Counts: ...

    def close(self) -> None:
        """Let go of the database; nothing may be called afterwards."""
        ...
