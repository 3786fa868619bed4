"""One attempt at one job: a JobSpec in, records out."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import torch

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import CGTrace, JobSpec, Landscape, Scalar, Spectrum, StepRecord
from hessianfree_lab.records.reports import trace_of
from hessianfree_lab.training.clock import Clock
from hessianfree_lab.training.devices import choose, make_deterministic
from hessianfree_lab.training.errors import Diverged
from hessianfree_lab.training.optimizers import OPTIMIZERS, SlicingDriver, Taken
from hessianfree_lab.training.params import parse
from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.registry import find
from hessianfree_lab.training.spectra import extremes_of, spectrum_of_task
from hessianfree_lab.training.versions import environment

DTYPES = {"float32": torch.float32, "float64": torch.float64}

EVALUATION_SHARE = 0.05  # of the training time, at most, goes into evaluation on held-out data

Record = StepRecord | CGTrace | Spectrum


class Session:
    """A task and an optimizer at work on it; iterate for the records, step by step.

    `step` and `seconds` (training time; evaluation and recording apart) say how far it is.
    """

    def __init__(self, spec: JobSpec) -> None:
        """Builds everything. Raises `InvalidRequest` for a spec that cannot be built here."""
        problem = find(PROBLEMS, spec.problem, kind="problem")
        optimizer = find(OPTIMIZERS, spec.optimizer, kind="optimizer")
        problem_params = parse(problem.params, spec.problem_params, path="problem_params")
        optimizer_params = parse(optimizer.params, spec.optimizer_params, path="optimizer_params")
        self.spec = spec
        self.device = choose(spec.device)
        make_deterministic(spec.seed)
        self.task = problem.build(problem_params, spec.seed, self.device, DTYPES[spec.dtype])
        self.driver = optimizer.build(optimizer_params, self.task)
        if spec.record.slices is not None:
            if not isinstance(self.driver, SlicingDriver):
                path = "record.slices"
                message = f"{path} = {spec.record.slices}: steps of {spec.optimizer!r} have no model; leave it empty."
                raise InvalidRequest([Fault(path, message)])
            self.driver.record_slices(spec.record.slices)
        self.step = 0
        self.seconds = 0.0
        self._clock = Clock(self.device)
        self._evaluation = _Cadence()

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
        while True:
            self.task.next_batch()
            position = self.task.position()
            spectrum = self._spectrum_before(self.step + 1)
            taken = self.driver.step()
            self.step += 1
            self.seconds += taken.seconds
            bad = _not_finite(taken)
            is_last = bad is not None or self._is_spent(taken)
            metrics = dict(taken.metrics) | position | self._measured(taken, is_last=is_last)
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
            yield tuple(records)
            if bad is not None:
                raise Diverged(self.step, *bad)
            if is_last:
                return

    def _spectrum_before(self, step: int) -> Spectrum | None:
        """The spectrum where the step begins, if one is due; off the training clock."""
        recording = self.spec.record
        if recording.spectrum is None or (step - 1) % recording.spectrum != 0:
            return None
        return spectrum_of_task(self.task, step, recording.spectrum_of, seed=self.spec.seed)

    def _is_spent(self, taken: Taken) -> bool:
        budget = self.spec.budget
        loss = taken.metrics.get("loss_after", taken.metrics["loss"])
        return (
            (budget.steps is not None and self.step >= budget.steps)
            or (budget.seconds is not None and self.seconds >= budget.seconds)
            or (budget.target_loss is not None and isinstance(loss, float) and loss <= budget.target_loss)
        )

    def _measured(self, taken: Taken, *, is_last: bool) -> dict[str, Scalar]:
        """What is measured for the record alone, off the training clock."""
        metrics: dict[str, Scalar] = {}
        if is_last and "loss_after" not in taken.metrics:
            with torch.no_grad():  # what was reached in the end
                metrics["loss_after"] = self.task.forward()[0].item()
        if self.step == 1 or is_last or self._evaluation.is_due(self.seconds):
            started = self._clock.now()
            metrics |= self.task.evaluate()
            self._evaluation.done(self.seconds, cost=self._clock.now() - started)
        return metrics


class _Cadence:
    """Evaluates as often as `EVALUATION_SHARE` of the training time allows: at every step where steps are long."""

    def __init__(self) -> None:
        self._last_at = 0.0
        self._cost = 0.0

    def is_due(self, seconds: float) -> bool:
        return self._cost <= EVALUATION_SHARE * (seconds - self._last_at)

    def done(self, seconds: float, *, cost: float) -> None:
        self._last_at, self._cost = seconds, cost


def _not_finite(taken: Taken) -> tuple[str, float] | None:
    """The name and value of a loss that is not finite."""
    for name in ("loss", "loss_after"):
        value = taken.metrics.get(name)
        if isinstance(value, float) and not math.isfinite(value):
            return name, value
    return None
