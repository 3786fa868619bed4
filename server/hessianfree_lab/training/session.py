"""One attempt at one job: a JobSpec in, records out; and how it is stopped, kept and taken up again."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import torch

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Budget, CGTrace, JobSpec, Landscape, Scalar, Spectrum, StepRecord
from hessianfree_lab.records.reports import trace_of
from hessianfree_lab.training.cadence import Cadence
from hessianfree_lab.training.clock import Clock
from hessianfree_lab.training.devices import choose, make_deterministic
from hessianfree_lab.training.errors import CheckpointRefused, Diverged
from hessianfree_lab.training.generators import generators_state, restore_generators
from hessianfree_lab.training.optimizers import OPTIMIZERS, SlicingDriver, Taken
from hessianfree_lab.training.params import parse
from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.registry import find
from hessianfree_lab.training.spectra import extremes_of, spectrum_of_task
from hessianfree_lab.training.state import State, fingerprint
from hessianfree_lab.training.trees import flattened, restored
from hessianfree_lab.training.versions import environment

DTYPES = {"float32": torch.float32, "float64": torch.float64}

EVALUATION_SHARE = 0.05  # of the training time, at most, goes into evaluation on held-out data

Record = StepRecord | CGTrace | Spectrum


class Session:
    """A task and an optimizer at work on it; iterate for the records, step by step.

    `step` and `seconds` (training time; evaluation and recording apart) say how far it is, `budget` how far it is to
    go. Between two steps, that is before the first or while the iterator waits to be asked for the next, it can be
    kept and changed: `state`, `restore`, `apply`.
    """

    def __init__(self, spec: JobSpec) -> None:
        """Builds everything. Raises `InvalidRequest` for a spec that cannot be built here."""
        problem = find(PROBLEMS, spec.problem, kind="problem")
        optimizer = find(OPTIMIZERS, spec.optimizer, kind="optimizer")
        problem_params = parse(problem.params, spec.problem_params, path="problem_params")
        optimizer_params = parse(optimizer.params, spec.optimizer_params, path="optimizer_params")
        self.spec = spec
        self.budget = spec.budget
        self.device = choose(spec.device)
        make_deterministic(spec.seed)
        self.task = problem.build(problem_params, spec.seed, self.device, DTYPES[spec.dtype])
        self._clock = Clock(self.device)
        self._optimizer, self._params = optimizer, optimizer_params
        self.driver = optimizer.build(optimizer_params, self.task, self._clock)
        if spec.record.slices is not None:
            if not isinstance(self.driver, SlicingDriver):
                path = "record.slices"
                message = f"{path} = {spec.record.slices}: steps of {spec.optimizer!r} have no model; leave it empty."
                raise InvalidRequest([Fault(path, message)])
            self.driver.record_slices(spec.record.slices)
        self.step = 0
        self.seconds = 0.0
        self._last = _Last()
        self._evaluation = Cadence(EVALUATION_SHARE)

    def landscape(self) -> Landscape | None:
        """The contour behind the path, for problems of two parameters."""
        return self.task.landscape()

    def environment(self) -> dict[str, Any]:
        """What the job runs in: versions, host, device."""
        return environment(self.device)

    def __iter__(self) -> Iterator[tuple[Record, ...]]:
        """The records of each step, until the budget is spent.

        Raises `Diverged` after those of a step whose loss is not finite.
        """
        while not self._is_over():
            yield self._step()

    def state(self) -> State:
        """A snapshot from which another session of the same spec goes on to the bit."""
        plain, tensors = flattened(
            {
                "task": self.task.state(),
                "driver": self.driver.state(),
                "params": self._params.model_dump(),
                "budget": self.budget.model_dump(),
                "last": asdict(self._last),
                "evaluation": self._evaluation.state(),
                "generators": generators_state(self.device),
                "threads": torch.get_num_threads(),
            }
        )
        return State(
            step=self.step,
            seconds=self.seconds,
            fingerprint=fingerprint(self.spec),
            plain=plain,
            tensors=tensors,
        )

    def restore(self, state: State) -> None:
        """Go on from there. Raises `CheckpointRefused` for a state of another job, or of another version.

        After any exception this session is of no use.
        """
        if state.fingerprint != fingerprint(self.spec):
            raise CheckpointRefused("it is of another job: problem, optimizer, seed or dtype differ.")
        try:
            self._take_over(state, restored(state.plain, state.tensors))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointRefused(
                f"this version cannot make sense of it ({type(error).__name__}: {error})."
            ) from error

    def _take_over(self, state: State, tree: Any) -> None:
        self.step, self.seconds = state.step, state.seconds
        self.budget = Budget(**tree["budget"])
        self._last = _Last(**tree["last"])
        self._evaluation.restore(tree["evaluation"])
        self._params = self._optimizer.params(**tree["params"])
        self.task.restore(tree["task"])
        self.driver.change(self._params, ())
        self.driver.restore(tree["driver"])
        restore_generators(tree["generators"], self.device)
        torch.set_num_threads(tree["threads"])  # sums are split among them, and so rounded

    def apply(self, settings: Mapping[str, Any]) -> None:
        """Change `settable` options of the optimizer, and the limits in "budget", from the next step on.

        All or nothing: raises `InvalidRequest` with every fault. A budget that is spent already ends training after
        one more step. To apply the same settings again before the next step changes nothing.
        """
        changed = dict(settings)
        limits = changed.pop("budget", {})
        self._refuse_others(changed, limits)
        params = parse(self._optimizer.params, self._params.model_dump() | changed, path="settings")
        self.budget = parse(Budget, self.budget.model_dump() | dict(limits), path="settings.budget")
        self._params = params
        self.driver.change(params, changed)

    def discount(self, seconds: float) -> None:
        """The last `seconds` were a pause, not training. May be called from a signal handler, within a step, too."""
        self._clock.discount(seconds)

    def _refuse_others(self, changed: Mapping[str, Any], limits: Any) -> None:
        """Raises `InvalidRequest` for what cannot be set."""
        settable = self._optimizer.settable
        there_are = f"there are {', '.join(settable)} and budget"
        faults = [
            Fault(
                f"settings.{name}",
                f"settings.{name} = {value!r}: cannot be set while a job runs; {there_are}.",
            )
            for name, value in changed.items()
            if name not in settable
        ]
        if not isinstance(limits, Mapping):
            text = f"settings.budget = {limits!r}: must have steps, seconds or target_loss."
            faults.append(Fault("settings.budget", text))
        if faults:
            raise InvalidRequest(faults)

    def _step(self) -> tuple[Record, ...]:
        self.task.next_batch()
        position = self.task.position()
        spectrum = self._spectrum_before(self.step + 1)
        limit = self.budget.seconds
        self._clock.deadline = None if limit is None else self._clock.now() + limit - self.seconds
        taken = self.driver.step()
        self.step += 1
        self.seconds += taken.seconds
        self._last = self._reached(taken)
        metrics = dict(taken.metrics) | position | self._measured(taken)
        if spectrum is not None:
            metrics |= extremes_of(spectrum)
        # Unchecked, which is ten times faster: these values are our own, and whoever sends them checks.
        record = StepRecord.model_construct(
            step=self.step, wall_time=datetime.now(UTC), seconds=self.seconds, metrics=metrics
        )
        records: list[Record] = [record]
        if taken.trace is not None:
            records.append(trace_of(self.step, taken.trace))
        if spectrum is not None:
            records.append(spectrum)
        return tuple(records)

    def _spectrum_before(self, step: int) -> Spectrum | None:
        """The spectrum where the step begins, if one is due; off the training clock."""
        recording = self.spec.record
        if recording.spectrum is None or (step - 1) % recording.spectrum != 0:
            return None
        return spectrum_of_task(self.task, step, recording.spectrum_of, seed=self.spec.seed)

    def _is_over(self) -> bool:
        if self._last.bad is not None:
            raise Diverged(self.step, *self._last.bad)
        # A budget that was lowered meanwhile leaves one more step, since the last one is evaluated.
        return self._last.is_evaluated_as_last and self._is_spent(self._last.loss)

    def _reached(self, taken: Taken) -> "_Last":
        bad = _not_finite(taken)
        value = taken.metrics.get("loss_after", taken.metrics["loss"])
        loss = value if isinstance(value, float) else None
        is_last = bad is not None or self._is_spent(loss)
        return _Last(loss=loss, bad=bad, is_evaluated_as_last=is_last)

    def _is_spent(self, loss: float | None) -> bool:
        budget = self.budget
        return (
            (budget.steps is not None and self.step >= budget.steps)
            or (budget.seconds is not None and self.seconds >= budget.seconds)
            or (budget.target_loss is not None and loss is not None and loss <= budget.target_loss)
        )

    def _measured(self, taken: Taken) -> dict[str, Scalar]:
        """What is measured for the record alone, off the training clock."""
        metrics: dict[str, Scalar] = {}
        is_last = self._last.is_evaluated_as_last
        if is_last and "loss_after" not in taken.metrics:
            with torch.no_grad():  # what was reached in the end
                metrics["loss_after"] = self.task.forward()[0].item()
        if self.step == 1 or is_last or self._evaluation.is_due(self.seconds):
            started = self._clock.now()
            metrics |= self.task.evaluate()
            self._evaluation.done(self.seconds, cost=self._clock.now() - started)
        return metrics


@dataclass(frozen=True, kw_only=True)
class _Last:
    """What decides, after a step, whether there is another."""

    loss: float | None = None
    bad: tuple[str, float] | None = None  # name and value of a loss that is not finite
    is_evaluated_as_last: bool = False


def _not_finite(taken: Taken) -> tuple[str, float] | None:
    """The name and value of a loss that is not finite."""
    for name in ("loss", "loss_after"):
        value = taken.metrics.get(name)
        if isinstance(value, float) and not math.isfinite(value):
            return name, value
    return None
