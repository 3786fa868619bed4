"""One attempt at one job: a JobSpec in, records out; and how it is stopped, kept and taken up again."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import torch

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Budget, CGTrace, JobSpec, Landscape, Scalar, Spectrum, StepRecord
from hessianfree_lab.records.reports import ritz_extremes_of, trace_of
from hessianfree_lab.training.cadence import Cadence
from hessianfree_lab.training.clock import Clock
from hessianfree_lab.training.compiler import leave_unloaded
from hessianfree_lab.training.devices import choose, prepare
from hessianfree_lab.training.errors import CheckpointRefused, Diverged
from hessianfree_lab.training.generators import generators_state, restore_generators
from hessianfree_lab.training.last import Last, not_finite
from hessianfree_lab.training.layer_norms import LayerNorms
from hessianfree_lab.training.optimizers import OPTIMIZERS, SlicingDriver, Taken
from hessianfree_lab.training.optimizers.division import divide
from hessianfree_lab.training.params import parse
from hessianfree_lab.training.problems import Problem, find_problem
from hessianfree_lab.training.progress import Progress
from hessianfree_lab.training.ranks import Ranks
from hessianfree_lab.training.registry import find
from hessianfree_lab.training.spectra import extremes_of, spectrum_of_task
from hessianfree_lab.training.state import State, fingerprint
from hessianfree_lab.training.trees import flattened, restored
from hessianfree_lab.training.versions import environment

DTYPES = {"float32": torch.float32, "float64": torch.float64}

EVALUATION_SHARE = 0.05  # of the training time, at most, goes into evaluation on held-out data

LAYERS_EVERY = 10
"""Steps; where a step has an inner solve, which costs and records far more than this, every one."""

Record = StepRecord | CGTrace | Spectrum


class Session:
    """A task and an optimizer at work on it; iterate for the records, step by step.

    `step` and `seconds` (training time; evaluation and recording apart) say how far it is, `budget` how far it is to
    go. Between two steps, that is before the first or while the iterator waits to be asked for the next, it can be
    kept and changed: `state`, `restore`, `apply`.
    """

    def __init__(self, spec: JobSpec, problem: Problem | None = None, ranks: Ranks | None = None) -> None:
        """Builds everything. Raises `InvalidRequest` for a spec that cannot be built here.

        `problem`: the one that the spec names; None: it is looked up. `ranks`: who takes the steps, if several do.
        """
        problem = problem or find_problem(spec.problem)
        optimizer = find(OPTIMIZERS, spec.optimizer, kind="optimizer")
        problem_params = parse(problem.params, spec.problem_params, path="problem_params")
        optimizer_params = parse(optimizer.params, spec.optimizer_params, path="optimizer_params")
        if faults := optimizer_params.faults(spec.budget, "optimizer_params"):
            raise InvalidRequest(faults)
        self.spec = spec
        self.budget = spec.budget
        self.device = choose(spec.device) if ranks is None else ranks.device
        leave_unloaded()
        prepare(self.device, spec.seed)
        self.task = problem.build(problem_params, spec.seed, self.device, DTYPES[spec.dtype])
        self._clock = Clock(self.device)
        self._problem, self._optimizer, self._params = problem, optimizer, optimizer_params
        self.driver = optimizer.build(optimizer_params, self.task, self._clock)
        if spec.record.slices is not None:
            if not isinstance(self.driver, SlicingDriver):
                path = "record.slices"
                message = f"{path} = {spec.record.slices}: steps of {spec.optimizer!r} have no model; leave it empty."
                raise InvalidRequest([Fault(path, message)])
            self.driver.record_slices(spec.record.slices)
        self._ranks = ranks
        if ranks is not None:
            divide(self.driver, ranks, spec.optimizer)
        self._layers = LayerNorms(self.task.batch.model if self.task.batch else None)
        self._layers_every = 1 if isinstance(self.driver, SlicingDriver) else LAYERS_EVERY
        self.step = 0
        self.seconds = 0.0
        self._last = Last()
        self._evaluation = Cadence(EVALUATION_SHARE)

    def landscape(self) -> Landscape | None:
        """The contour behind the path, for problems of two parameters."""
        return self.task.landscape()

    def environment(self) -> dict[str, Any]:
        """What the job runs in: versions, host, device."""
        return environment(self.device) | self._problem.origin()

    def __iter__(self) -> Iterator[tuple[Record, ...]]:
        """The records of each step, until the budget is spent.

        Raises `Diverged` after those of a step whose loss is not finite.
        """
        while not self._is_over():
            yield self._step()

    def state(self) -> State:
        """A snapshot from which another session of the same spec goes on to the bit; to rounding where it has another
        number of processes."""
        plain, tensors = flattened(
            {
                "problem": self._problem.versions,
                "task": self.task.state(),
                "driver": self.driver.state(),
                "params": self._params.model_dump(),
                "budget": self.budget.model_dump(),
                "last": asdict(self._last),
                "evaluation": self._evaluation.state(),
                "generators": generators_state(self.device),
                "threads": torch.get_num_threads(),
                "processes": self._processes,
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
            tree = restored(state.plain, state.tensors)
            self._refuse_other_versions(tree.get("problem", {}))
            self._take_over(state, tree)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointRefused(
                f"this version cannot make sense of it ({type(error).__name__}: {error})."
            ) from error
        self._tell("restore", step=state.step)

    def _refuse_other_versions(self, before: Mapping[str, str]) -> None:
        """Raises `CheckpointRefused` where somebody's own problem has been changed since."""
        now = self._problem.versions
        changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
        if changed:
            raise CheckpointRefused(f"it was made with another version of {', '.join(changed)}.")

    def _take_over(self, state: State, tree: Any) -> None:
        self.step, self.seconds = state.step, state.seconds
        self.budget = Budget(**tree["budget"])
        self._last = Last(**tree["last"])
        self._evaluation.restore(tree["evaluation"])
        self._params = self._optimizer.params(**tree["params"])
        self.task.restore(tree["task"])
        self.driver.change(self._params, ())
        self.driver.restore(tree["driver"])
        restore_generators(tree["generators"], self.device)
        if tree.get("processes", 1) == self._processes:  # others have another share of the machine
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
        budget = parse(Budget, self.budget.model_dump() | dict(limits), path="settings.budget")
        if faults := params.faults(budget, "settings"):
            raise InvalidRequest(faults)
        self.budget, self._params = budget, params
        self.driver.change(params, changed)
        self._tell("apply", settings=settings)

    def discount(self, seconds: float) -> None:
        """The last `seconds` were a pause, not training. May be called from a signal handler, within a step, too."""
        self._clock.discount(seconds)

    @property
    def _processes(self) -> int:
        return 1 if self._ranks is None else self._ranks.size

    def _tell(self, what: str, **details: Any) -> None:
        if self._ranks is not None:
            self._ranks.tell(what, **details)

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
        if self.step % self._layers_every == 0:
            self._layers.measure()
        limit = self.budget.seconds
        self._clock.deadline = None if limit is None else self._clock.now() + limit - self.seconds
        progress = Progress.within(self.budget, steps=self.step, seconds=self.seconds)
        self._tell("step", progress=asdict(progress))
        taken = self.driver.step(progress)
        self.step += 1
        self.seconds += taken.seconds
        self._last = self._reached(taken)
        metrics = dict(taken.metrics) | position | self._layers.read() | self._measured(taken)
        metrics["seconds_rest"] = _rest(taken)
        trace = None if taken.trace is None else trace_of(self.step, taken.trace)
        if trace is not None:
            metrics |= ritz_extremes_of(trace)
        if spectrum is not None:
            metrics |= extremes_of(spectrum)
        # Unchecked, which is ten times faster: these values are our own, and whoever sends them checks.
        record = StepRecord.model_construct(
            step=self.step, wall_time=datetime.now(UTC), seconds=self.seconds, metrics=metrics
        )
        records: list[Record] = [record]
        if trace is not None:
            records.append(trace)
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

    def _reached(self, taken: Taken) -> Last:
        bad = not_finite(taken)
        value = taken.metrics.get("loss_after", taken.metrics["loss"])
        loss = value if isinstance(value, float) else None
        is_last = bad is not None or self._is_spent(loss)
        return Last(loss=loss, bad=bad, is_evaluated_as_last=is_last)

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
        if self.task.batch is not None:
            metrics["examples"] = len(self.task.batch.inputs)
        is_last = self._last.is_evaluated_as_last
        if is_last and "loss_after" not in taken.metrics:
            with torch.no_grad():  # what was reached in the end
                metrics["loss_after"] = self.task.forward()[0].item()
        if self.step == 1 or is_last or self._evaluation.is_due(self.seconds):
            started = self._clock.now()
            metrics |= self.task.evaluate()
            self._evaluation.done(self.seconds, cost=self._clock.now() - started)
        return metrics


def _rest(taken: Taken) -> float:
    """Seconds of the step that no other metric accounts for."""
    told = [value for name, value in taken.metrics.items() if name.startswith("seconds_")]
    return max(0.0, taken.seconds - sum(value for value in told if isinstance(value, float)))
