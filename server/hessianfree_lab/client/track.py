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
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError

from hessianfree_lab import variables
from hessianfree_lab.client import offline as offline_spools
from hessianfree_lab.client.client import Client
from hessianfree_lab.client.recovery import Outcome, deliver, settle
from hessianfree_lab.client.sender import Progress, Sender
from hessianfree_lab.client.spool import Spool, SpoolWriter
from hessianfree_lab.client.sync import catch_up
from hessianfree_lab.credentials import read_token
from hessianfree_lab.errors import ConfigurationError
from hessianfree_lab.records import CGTrace, FinishRequest, Scalar, ScriptRun, StepRecord
from hessianfree_lab.records.reports import metrics_of, trace_of

DEFAULT_URL = "http://127.0.0.1:8765"


class Watchable(Protocol):
    """A HessianFree: its reports, and torch's post-step hook."""

    @property
    def last_report(self) -> Any: ...
    @property
    def last_trace(self) -> Any: ...
    def register_step_post_hook(self, hook: Callable[[Any, Any, Any], None]) -> Any: ...


class TrackedRun:
    """A run being recorded; made by `track`."""

    def __init__(self, run_id: str, url: str, writer: SpoolWriter, sender: Sender | None) -> None:
        """`url` is where it can be seen; without a `sender` it is only written down."""
        self.id = run_id
        self.url = url
        self.last_step = 0
        self._writer = writer
        self._sender = sender
        self._started = time.perf_counter()
        self._has_warned = False
        self._hooks: list[Any] = []

    @property
    def is_recording(self) -> bool:
        """False once the server wants no more of this run: it was deleted, or ended by somebody else."""
        return self._sender is None or self._sender.progress is Progress.SENDING

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
        if self._sender is not None:
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
    offline: bool | None = None,
) -> Iterator[TrackedRun]:
    """Record a run on the server at `url`; it ends with the block, as failed if the block raises.

    `offline` (or HESSIANFREE_OFFLINE=1): no server is asked for anything; the run waits in `data_dir` until
    `hessianfree sync` sends it.

    `url`, `token` and `data_dir` default to HESSIANFREE_SERVER, HESSIANFREE_TOKEN (or the file that
    HESSIANFREE_TOKEN_FILE names) and HESSIANFREE_DATA_DIR, then to a server on this machine, no token, and
    hessianfree-data/. At the end up to `drain_seconds` are spent on sending
    what is left; what cannot be sent stays on the disk (a warning says where), for `hessianfree sync`, or the next
    `track` with this server and data directory, to send.

    Raises `ServerUnreachable` if the server is not there at the start; afterwards it may come and go.
    """
    root = Path(data_dir or os.environ.get(variables.DATA_DIR) or "hessianfree-data") / "scripts"
    request = ScriptRun(
        name=name, problem=problem, optimizer=optimizer, config=dict(config or {}), steps=steps,
        tags=list(tags), notes=notes,
    )  # fmt: skip
    if _is_offline() if offline is None else offline:
        spool, lock = offline_spools.begin(root, request.model_copy(update={"started_at": datetime.now(UTC)}))
        with contextlib.closing(lock):
            yield from _recorded(spool, str(spool.directory), None)
        return
    url = url or os.environ.get("HESSIANFREE_SERVER") or DEFAULT_URL
    with Client(url, read_token(token)) as client:
        home = client.home()  # before the run is made there: it may never be taken for another server's
        run_id = client.create_run(request).id
        catch_up(root, client)
        spool, lock = Spool.create(root, run=run_id, attempt=1, name=name, home=home)
        with contextlib.closing(lock):
            sender = Sender(spool, client)
            sender.start()
            end = partial(_deliver, sender, client, drain_seconds)
            yield from _recorded(spool, f"{client.url}/runs/{run_id}", sender, end)


def _is_offline() -> bool:
    """What HESSIANFREE_OFFLINE says; unset or empty: no. `ConfigurationError` for what is neither yes nor no."""
    said = os.environ.get(variables.OFFLINE, "")
    try:
        return bool(said) and TypeAdapter(bool).validate_python(said)
    except ValidationError:
        message = f"{variables.OFFLINE} is {said!r}; it may be 1, true, yes or on, or 0, false, no or off."
        raise ConfigurationError(message) from None


def _recorded(
    spool: Spool, url: str, sender: Sender | None, end: Callable[[FinishRequest], None] = lambda _: None
) -> Iterator[TrackedRun]:
    """The block's run, and its end: written down, then told to `end`."""
    with contextlib.closing(spool.writer()) as writer:
        run = TrackedRun(spool.run, url, writer, sender)
        ending = FinishRequest(state="completed")
        try:
            yield run
        except BaseException as error:
            ending = _ending_of(error)
            raise
        finally:
            run.unwatch()
            with contextlib.suppress(OSError):  # on a full disk: nobody but the server is told then
                spool.write_finish(ending.model_copy(update={"ended_at": datetime.now(UTC)}))
            end(ending)  # now, by the server's own clock


def _ending_of(error: BaseException) -> FinishRequest:
    if isinstance(error, KeyboardInterrupt):
        return FinishRequest(state="cancelled")
    text = f"{type(error).__name__}: {error}\n\n{traceback.format_exc()}"
    return FinishRequest(state="failed", cause="error", error=text[:20_000])


def _deliver(sender: Sender, client: Client, drain_seconds: float, ending: FinishRequest) -> None:
    delivery = deliver(sender, client, ending, timeout_seconds=drain_seconds)
    settle(delivery)
    kept = f"what {client.url} has not got stays in {delivery.spool.directory}"
    match delivery.outcome:
        case Outcome.GONE:
            warnings.warn(f"the server takes no more records of this run: {delivery.reason}", stacklevel=5)
        case Outcome.REFUSED:
            words = (
                f"the server refused a record of this run: {delivery.reason} {kept}, for `hessianfree sync`"
            )
            warnings.warn(words, stacklevel=5)
        case Outcome.LEFT:
            warnings.warn(
                f"{kept}, for the next script or `hessianfree sync`: {delivery.reason}", stacklevel=5
            )
