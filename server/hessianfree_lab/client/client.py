"""The server's API as methods: arguments in, records out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
from pydantic import TypeAdapter

from hessianfree_lab.client.connection import Connection
from hessianfree_lab.client.events import Event, follow
from hessianfree_lab.client.figures import FoundRun
from hessianfree_lab.client.found_runs import FoundRuns
from hessianfree_lab.client.sweeps import RemoteSweeps
from hessianfree_lab.records import (
    Announcement,
    Assignment,
    AttemptInfo,
    Capacity,
    CGTrace,
    Control,
    FinishRequest,
    Heartbeat,
    HeartbeatReply,
    IngestBatch,
    IngestReply,
    Landscape,
    Offer,
    OptimizerInfo,
    Page,
    ProblemInfo,
    Run,
    ScriptRun,
    Spectrum,
    Worker,
    WorkerIdentity,
    decode,
)
from hessianfree_lab.records.series import Series

RUNS = TypeAdapter(Page[Run])
PROBLEMS = TypeAdapter(list[ProblemInfo])
OPTIMIZERS = TypeAdapter(list[OptimizerInfo])
WORKERS = TypeAdapter(list[Worker])
CONTROLS = TypeAdapter(list[Control])
ATTEMPTS = TypeAdapter(list[AttemptInfo])

# A long poll may be answered this much later than it was asked to wait. With a heartbeat of 5 s a cut that swallows it
# is noticed after 10 s: a lease of 20 s is still good then.
POLL_MARGIN_SECONDS = 5.0
SEND_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
MAX_RUNS_ASKED = 1_000


class Client(Connection):
    """A server's API. Use as a context manager, or call `close`; safe to share between threads.

    Errors: `ServerUnreachable` when no answer comes; `ClientError` with `status`, `title`, `detail` and
    `errors` (path and message) when the server refuses.
    """

    # Jobs and runs ------------------------------------------------------------------------------------

    def submit(self, spec: Mapping[str, Any], idempotency_key: str | None = None) -> Run:
        """Put a job (a JobSpec as a mapping) into the queue. With the same key again: the same run."""
        return Run.model_validate(self.make("/jobs", spec, idempotency_key))

    def jobs(self) -> list[Run]:
        """The queue in claim order, running jobs after the queued ones."""
        return list(self._pages("/jobs"))

    def runs(
        self,
        filter: str | None = None,
        *,
        sort: str | None = None,
        limit: int | None = None,
        **more: Any,
    ) -> FoundRuns:
        """The runs that pass a filter (docs/filters.md), to be iterated over; asked for as they are.

        `sort`: any name of a filter, "-" before it: descending. `limit`: so many at most; None: all. `more`: state,
        problem, optimizer, tag, q, archived, as in docs/wire.md.
        """
        return FoundRuns(self, {"filter": filter, "sort": sort} | more, limit)

    def table(self, columns: Sequence[str], **asked: Any) -> list[dict[str, Any]]:
        """One mapping a run, of these names of filters to its values; `asked`: as `runs` takes it."""
        rows: list[dict[str, Any]] = self.get("/runs/table.json", columns=list(columns), **asked)
        return rows

    def run(self, run_id: str) -> FoundRun:
        return FoundRun.of(self, Run.model_validate(self.get(f"/runs/{run_id}")))

    def cancel(self, run_id: str) -> Run:
        """Cancel a job: at once when it is queued; a running one is told. 409 when it has ended."""
        return Run.model_validate(self.post(f"/jobs/{run_id}/cancel"))

    def pause(self, run_id: str) -> Run:
        """Hold a job back, with its process if it has one; a running one is told."""
        return Run.model_validate(self.post(f"/jobs/{run_id}/pause"))

    def resume(self, run_id: str) -> Run:
        """Let a paused job go on."""
        return Run.model_validate(self.post(f"/jobs/{run_id}/resume"))

    def set(self, run_id: str, settings: Mapping[str, Any]) -> Control:
        """Give a job other settings of its optimizer, or another `budget`, from the next step on."""
        return Control.model_validate(self.post(f"/jobs/{run_id}/set", settings))

    def retry(self, run_id: str) -> Run:
        """Queue an ended job again; it goes on from its latest checkpoint."""
        return Run.model_validate(self.post(f"/jobs/{run_id}/retry"))

    def restart(self, run_id: str) -> Run:
        """Queue an ended job again from its beginning; what it recorded is removed."""
        return Run.model_validate(self.post(f"/jobs/{run_id}/restart"))

    def controls(self, run_id: str) -> list[Control]:
        """What was asked of a job while it ran."""
        return CONTROLS.validate_python(self.get(f"/runs/{run_id}/controls")["items"])

    def attempts(self, run_id: str) -> list[AttemptInfo]:
        """The attempts at a run, in order."""
        return ATTEMPTS.validate_python(self.get(f"/runs/{run_id}/attempts")["items"])

    def metrics(
        self,
        run_id: str,
        names: Sequence[str] = (),
        *,
        x: str = "step",
        start: int | None = None,
        stop: int | None = None,
        max_points: int | None = None,
    ) -> Series:
        """Columns of a run; no names: all numeric metrics. `Series.steps` is filled when x is the step."""
        answer = self.get(
            f"/runs/{run_id}/metrics",
            names=list(names) or None, x=x, start=start, stop=stop, max_points=max_points,
        )  # fmt: skip
        values = {name: [decode(value) for value in column] for name, column in answer["series"].items()}
        return Series(
            x_name=answer["x"]["name"],
            x=answer["x"]["values"],
            steps=[int(step) for step in answer["x"]["values"]] if x == "step" else [],
            values=values,
            total=answer["total"],
            sampled=answer["sampled"],
        )

    def trace(self, run_id: str, step: int) -> CGTrace:
        """The inner solve of one step; 404 where there is none."""
        return CGTrace.model_validate(self.get(f"/runs/{run_id}/steps/{step}/cg"))

    def spectrum(self, run_id: str, step: int) -> Spectrum:
        """The spectrum of the loss before a step; 404 where there is none."""
        return Spectrum.model_validate(self.get(f"/runs/{run_id}/steps/{step}/spectrum"))

    def spectrum_steps(self, run_id: str) -> list[int]:
        """The steps that have a spectrum."""
        return [int(step) for step in self.get(f"/runs/{run_id}/spectra")["steps"]]

    def landscape(self, run_id: str) -> Landscape:
        """The contour behind a two-parameter run; 404 for others."""
        return Landscape.model_validate(self.get(f"/runs/{run_id}/landscape"))

    def logs(self, run_id: str, after: int | None = None, limit: int | None = None) -> dict[str, Any]:
        """`{lines, next}`: what the run printed after row `after`."""
        answer: dict[str, Any] = self.get(f"/runs/{run_id}/logs", after=after, limit=limit)
        return answer

    def events(self, runs: Sequence[str] = (), after: int | None = None) -> Iterator[Event]:
        """Events as they happen, until this client is closed; a broken stream is taken up where it broke."""
        return follow(self._http, self.url, runs=runs, after=after)

    @property
    def sweeps(self) -> RemoteSweeps:
        """Sweeps: one job tried with many settings."""
        return RemoteSweeps(self)

    # What there is --------------------------------------------------------------------------------------

    def problems(self) -> list[ProblemInfo]:
        return PROBLEMS.validate_python(self.get("/problems")["items"])

    def optimizers(self) -> list[OptimizerInfo]:
        return OPTIMIZERS.validate_python(self.get("/optimizers")["items"])

    def workers(self) -> list[Worker]:
        return WORKERS.validate_python(self.get("/workers")["items"])

    def ready(self) -> bool:
        """Whether the server answers and its database does."""
        return self.answers("/readyz")

    # For workers and scripts ------------------------------------------------------------------------------

    def register(self, announcement: Announcement) -> WorkerIdentity:
        return WorkerIdentity.model_validate(self.post("/workers", announcement))

    def claim(self, worker_id: str, wait_seconds: float, offer: Offer | None = None) -> Assignment | None:
        """The next job for this worker, waiting up to `wait_seconds` (at most 30) for one; None: there was none.

        `offer`: on which of its GPUs there is room; None: on all.
        """
        body: dict[str, Any] = {"wait_seconds": wait_seconds}
        if offer is not None:
            body["offer"] = offer.model_dump()
        answer = self.post(f"/workers/{worker_id}/claim", body, timeout=_patience(wait_seconds))
        return None if answer is None else Assignment.model_validate(answer)

    def heartbeat(self, worker_id: str, heartbeat: Heartbeat) -> HeartbeatReply:
        """Renew the leases of the attempts named; answered early when there is a command."""
        answer = self.post(
            f"/workers/{worker_id}/heartbeat", heartbeat, timeout=_patience(heartbeat.wait_seconds)
        )
        return HeartbeatReply.model_validate(answer)

    def run_states(self, worker_id: str, run_ids: Sequence[str]) -> dict[str, str]:
        """The states of these runs; those the server does not know are left out."""
        states: dict[str, str] = {}
        for start in range(0, len(run_ids), MAX_RUNS_ASKED):
            body = {"runs": list(run_ids[start : start + MAX_RUNS_ASKED])}
            states |= self.post(f"/workers/{worker_id}/runs", body)["states"]
        return states

    def set_capacity(self, worker_id: str, capacity: Capacity) -> None:
        """Say how many jobs at a time, and on which devices, from now on."""
        self.request("PUT", f"/workers/{worker_id}/capacity", json_body=capacity)

    def leave(self, worker_id: str) -> None:
        """Unregister; what the worker still holds ends as interrupted."""
        self.request("DELETE", f"/workers/{worker_id}", timeout=httpx.Timeout(2.0))

    def create_run(self, script_run: ScriptRun, idempotency_key: str | None = None) -> Run:
        """Begin a run that a script records; with a key seen before, the run that it began then."""
        return Run.model_validate(self.make("/runs", script_run, idempotency_key))

    def send(self, run_id: str, batch: IngestBatch) -> IngestReply:
        """Store a batch; sending it again changes nothing. 409: the attempt is not the current one, or has ended."""
        return IngestReply.model_validate(self.post(f"/runs/{run_id}/records", batch, timeout=SEND_TIMEOUT))

    def finish(self, run_id: str, request: FinishRequest) -> Run:
        return Run.model_validate(self.post(f"/runs/{run_id}/finish", request))

    def _pages(self, path: str) -> Iterator[Run]:
        cursor = None
        while True:
            page = RUNS.validate_python(self.get(path, cursor=cursor))
            yield from page.items
            if page.next_cursor is None:
                return
            cursor = page.next_cursor


def _patience(wait_seconds: float) -> httpx.Timeout:
    return httpx.Timeout(wait_seconds + POLL_MARGIN_SECONDS, connect=5.0)
