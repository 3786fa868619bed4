"""One run of a contender: how low its loss on all training cases was, after what time and what work."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from hessianfree_lab.errors import InvalidRequest, LabError
from hessianfree_lab.records import JobSpec, StepRecord
from hessianfree_lab.training.errors import Diverged
from hessianfree_lab.training.problems import Task
from hessianfree_lab.training.problems.supervised import SupervisedTask
from hessianfree_lab.training.session import Session

LOOKS = 60
"""At most so many times a run the loss on all cases is looked at; off the clock."""

Measure = Literal["seconds", "equivalents"]
"""Of what all get the same: training time, or gradients of the whole training set."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The loss on all training cases, with the penalty if there is one, after so much training."""

    seconds: float
    equivalents: float  # gradients of the whole training set
    loss: float

    def spent(self, measure: Measure) -> float:
        return self.seconds if measure == "seconds" else self.equivalents


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Marks from the start on. `failed`: a sentence where it diverged or broke; the whole run then counts for nothing.

    `refused`: the optimizer is not made for the problem.
    """

    marks: Sequence[Mark]
    failed: str = ""
    refused: bool = False

    @property
    def lowest(self) -> float:
        return math.inf if self.failed else min((mark.loss for mark in self.marks), default=math.inf)

    def first_below(self, target: float) -> Mark | None:
        """The first look at which the loss was no higher; None: never, or it failed."""
        return None if self.failed else next((mark for mark in self.marks if mark.loss <= target), None)


def run(
    problem: str,
    *,
    problem_params: Mapping[str, Any],
    optimizer: str,
    optimizer_params: Mapping[str, Any],
    measure: Measure,
    amount: float,
    seed: int,
    device: str = "cpu",
) -> Outcome:
    """Train in float32 until such an `amount` of the `measure` is spent."""
    limits: dict[str, Any] = {"steps": None, "seconds": amount if measure == "seconds" else None}
    spec = JobSpec(
        problem=problem,
        problem_params=dict(problem_params),
        optimizer=optimizer,
        optimizer_params=dict(optimizer_params),
        budget=limits,  # type: ignore[arg-type]
        seed=seed,
        device=device,
    )
    marks: list[Mark] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that no step was found, for instance: its loss says it
            _train(Session(spec), measure, amount, marks)
    except InvalidRequest as error:
        return Outcome(marks=marks, failed=str(error), refused=True)
    except (Diverged, LabError, RuntimeError) as error:
        return Outcome(marks=marks, failed=f"{type(error).__name__}: {error}")
    return Outcome(marks=marks)


def _train(session: Session, measure: Measure, amount: float, marks: list[Mark]) -> None:
    task = session.task
    # What a step did is told in gradients of a batch.
    share = task.batch_size / task.cases if isinstance(task, SupervisedTask) else 1.0
    marks.append(Mark(seconds=0.0, equivalents=0.0, loss=_whole_loss(task)))
    equivalents, due = 0.0, amount / LOOKS
    for record, *_ in session:
        assert isinstance(record, StepRecord)
        work = record.metrics["gradient_equivalents"]
        assert isinstance(work, float | int)
        equivalents += share * work
        spent = session.seconds if measure == "seconds" else equivalents
        if spent >= due or spent >= amount:
            marks.append(Mark(seconds=session.seconds, equivalents=equivalents, loss=_whole_loss(task)))
            due = spent + amount / LOOKS
        # L-BFGS that has arrived asks for nothing any more: it would stand there for ever.
        if spent >= amount or (work == 0 and measure == "equivalents"):
            break


@torch.no_grad()
def _whole_loss(task: Task) -> float:
    return task.training_loss() if isinstance(task, SupervisedTask) else task.forward()[0].item()
