"""Record a run from one's own training script.

    with track("my experiment", config={"damping": 1.0}) as run:
        run.watch(optimizer, also=lambda: {"eval_loss": evaluate()})      # a HessianFree
        for epoch in range(10):
            optimizer.step(forward)

or, for any other optimizer, `run.log(step, loss=...)` once a step.

Training never waits for the server: records go to a local file, and a thread sends them.
"""

import contextlib
import os
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from hessianfree_lab.client.client import Client
from hessianfree_lab.client.recovery import finish, recover
from hessianfree_lab.client.sender import Progress, Sender
from hessianfree_lab.client.spool import Spool, SpoolWriter
from hessianfree_lab.credentials import read_token
from hessianfree_lab.errors import ClientError
from hessianfree_lab.records import CGTrace, FinishRequest, Scalar, ScriptRun, StepRecord
from hessianfree_lab.records.reports import metrics_of, trace_of

DEFAULT_URL = "http://127.0.0.1:8765"
KILLED = FinishRequest(
    state="failed", cause="lost", error="The script was killed before it could end its record."
)
RECOVERY_SECONDS = 5.0


class Watchable(Protocol):
    """A HessianFree: its reports, and torch's post-step hook."""

    @property
    def last_report(self) -> Any: ...
    @property
    def last_trace(self) -> Any: ...
    def register_step_post_hook(self, hook: Callable[[Any, Any, Any], None]) -> Any: ...


class TrackedRun:
    """A run being recorded; made by `track`."""

    def __init__(self, run_id: str, url: str, writer: SpoolWriter, sender: Sender) -> None:
        self.id = run_id
        self.url = f"{url}/runs/{run_id}"
        self.last_step = 0
        self._writer = writer
        self._sender = sender
        self._started = time.perf_counter()
        self._has_warned = False
        self._hooks: list[Any] = []

    @property
    def is_recording(self) -> bool:
        """False once the server wants no more of this run: it was deleted, or ended by somebody else."""
        return self._sender.progress is Progress.SENDING

    def log(self, step: int, **metrics: Scalar) -> None:
        """Record the metrics of a step. Steps count from 1 and only upwards.

        Raises ValueError for a step recorded before, and for a metric name that no server would take.
        """
        self._record(step, metrics)

    def watch(self, optimizer: Watchable, *, also: Callable[[], Mapping[str, Scalar]] = dict) -> None:
        """Record the report and the CG trace of every step this optimizer makes from now on.

        `also` is called after each step for further metrics, on held-out data for instance.
        """
        if not hasattr(optimizer, "last_report"):
            raise TypeError(
                f"watch() reads the optimizer's last_report, which {type(optimizer).__name__} does not have: "
                "call log() after each step instead"
            )

        def after_step(optimizer: Watchable, args: Any, kwargs: Any) -> None:  # noqa: ARG001 (torch's signature)
            step = self.last_step + 1
            metrics = metrics_of(optimizer.last_report) | dict(also())
            self._record(step, metrics, [trace_of(step, optimizer.last_trace)])

        self._hooks.append(optimizer.register_step_post_hook(after_step))

    def unwatch(self) -> None:
        """Take the hooks off all optimizers again."""
        while self._hooks:
            self._hooks.pop().remove()

    def _record(self, step: int, metrics: Mapping[str, Scalar], traces: Sequence[CGTrace] = ()) -> None:
        if step <= self.last_step:
            raise ValueError(f"step {step} is not after step {self.last_step}, the last one recorded")
        seconds = time.perf_counter() - self._started
        record = StepRecord(step=step, seconds=seconds, metrics=dict(metrics))
        self.last_step = step
        try:
            self._writer.append(record, *traces)
        except OSError as error:  # a full disk must not end the training
            if not self._has_warned:
                warnings.warn(f"steps from {step} on are not recorded: {error}", stacklevel=3)
                self._has_warned = True
        self._sender.wake()


@contextlib.contextmanager
def track(
    name: str,
    *,
    config: Mapping[str, Any] | None = None,
    problem: str = "script",
    optimizer: str = "script",
    steps: int | None = None,
    tags: Sequence[str] = (),
    notes: str = "",
    url: str | None = None,
    token: str | None = None,
    data_dir: Path | str | None = None,
    drain_seconds: float = 30.0,
) -> Iterator[TrackedRun]:
    """Record a run on the server at `url`; it ends with the block, as failed if the block raises.

    `url`, `token` and `data_dir` default to HESSIANFREE_SERVER, HESSIANFREE_TOKEN (or the file that
    HESSIANFREE_TOKEN_FILE names) and HESSIANFREE_DATA_DIR, then to a server on this machine, no token, and
    hessianfree-data/. At the end up to `drain_seconds` are spent on sending
    what is left; what cannot be sent stays on the disk (a warning says where), for the next `track` with this data
    directory to send.

    Raises `ServerUnreachable` if the server is not there at the start; afterwards it may come and go.
    """
    url = url or os.environ.get("HESSIANFREE_SERVER") or DEFAULT_URL
    token = read_token(token)
    root = Path(data_dir or os.environ.get("HESSIANFREE_DATA_DIR") or "hessianfree-data") / "scripts"
    with Client(url, token) as client:
        request = ScriptRun(
            name=name, problem=problem, optimizer=optimizer, config=dict(config or {}), steps=steps,
            tags=list(tags), notes=notes,
        )  # fmt: skip
        run_id = client.create_run(request).id
        recover(root, client, unfinished=KILLED, timeout_seconds=RECOVERY_SECONDS)
        spool, lock = Spool.create(root, run=run_id, attempt=1)
        with contextlib.closing(lock), contextlib.closing(spool.writer()) as writer:
            yield from _recorded(spool, client, writer, drain_seconds)


def _recorded(
    spool: Spool, client: Client, writer: SpoolWriter, drain_seconds: float
) -> Iterator[TrackedRun]:
    refusals: list[ClientError] = []
    sender = Sender(spool, client, on_refused=refusals.append)
    sender.start()
    run = TrackedRun(spool.run, client.url, writer, sender)
    ending = FinishRequest(state="completed")
    try:
        yield run
    except KeyboardInterrupt:
        ending = FinishRequest(state="cancelled")
        raise
    except BaseException as error:
        text = f"{type(error).__name__}: {error}\n\n{traceback.format_exc()}"
        ending = FinishRequest(state="failed", cause="error", error=text[:20_000])
        raise
    finally:
        run.unwatch()
        spool.write_finish(ending)
        is_delivered = sender.drain(drain_seconds) and finish(spool, client, ending)
        if refusals:
            warnings.warn(f"the server takes no more records of this run: {refusals[0]}", stacklevel=4)
        elif not is_delivered:
            sender.stop()
            warnings.warn(
                f"{client.url} is away; what it has not got stays in {spool.directory}", stacklevel=4
            )
        if is_delivered or refusals:
            spool.remove()
