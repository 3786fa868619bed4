"""Looks at what jobs need of a problem beside its function: a name, data, seeds, evaluations, float32, resumption.

Each takes the problem, answers a remark or nothing, and raises `Wrong`.
"""

import math
import time
from collections.abc import Collection
from itertools import islice

import torch

from hessianfree_lab.records import JobSpec, StepRecord
from hessianfree_lab.training.checking.finding import Wrong
from hessianfree_lab.training.problems.interface import Problem, Task
from hessianfree_lab.training.session import Session

STEPS = 2
"""Of a job, before and after a restart."""


def built(problem: Problem, *, seed: int = 0) -> Task:
    """The task of its default options, in float64 on the CPU, with its first batch."""
    task = problem.build(problem.params(), seed, torch.device("cpu"), torch.float64)
    task.next_batch()
    return task


def name(problem: Problem, others: Collection[Problem]) -> str:
    """Whether no other has its name."""
    for other in others:
        if other.name == problem.name:
            raise Wrong(
                f"{other.place} has a problem {problem.name!r}, too: a worker that finds both does not start."
            )
    return ""


def announcement(problem: Problem) -> str:
    """Whether each option has a default, and a form and the command line can tell of it."""
    problem.params()
    problem.info().model_dump_json()
    return ""


def data(problem: Problem) -> str:
    """Whether it says that nothing is missing."""
    if lacks := problem.lacks():
        raise Wrong(lacks)
    return ""


def size(problem: Problem) -> str:
    """Whether it can be built; how large it is, and how long that took."""
    began = time.perf_counter()
    count = sum(parameter.numel() for parameter in built(problem).parameters)
    return f"{count:,} parameters, {time.perf_counter() - began:.1f} s"


def seeds(problem: Problem) -> str:
    """Whether parameters, loss and evaluation are the same for one seed."""
    task, again = built(problem), built(problem)
    if not all(map(torch.equal, task.parameters, again.parameters)):
        raise Wrong(
            "Built twice with one seed, its parameters differ: draw them with the generator that is given."
        )
    loss = task.forward()[0]
    if not torch.equal(loss, again.forward()[0]):
        raise Wrong(
            "Built twice with one seed, its losses differ: draw the data with the generator that is given."
        )
    if repr(task.evaluate()) != repr(again.evaluate()):
        raise Wrong(
            "Built twice with one seed, evaluations differ: draw held-out data with the generator that is given."
        )
    other = built(problem, seed=1).forward()[0]
    return "another seed makes the same loss: nothing is drawn" if torch.equal(loss, other) else ""


def evaluation(problem: Problem) -> str:
    """Whether the held-out part can be evaluated."""
    found = built(problem).evaluate()
    for name, value in found.items():
        if not math.isfinite(value):
            raise Wrong(f"{name} is {value} at the start.")
    return ", ".join(f"{name} {value:.6g}" for name, value in found.items()) or "nothing is held out"


def training(problem: Problem) -> str:
    """Whether a job as it is by default, in float32, comes to its end."""
    losses = _losses(_session(problem), 2 * STEPS)
    if not all(map(math.isfinite, losses)):
        raise Wrong(f"The losses of its first steps are {', '.join(f'{loss:.6g}' for loss in losses)}.")
    return f"from {losses[0]:.6g} to {losses[-1]:.6g} in {2 * STEPS} steps"


def resumption(problem: Problem) -> str:
    """Whether a job that is taken up from a checkpoint makes the steps that it would have made."""
    job = _session(problem)
    _losses(job, STEPS)
    kept = job.state()
    other = _session(problem)
    other.restore(kept)
    expected, found = _losses(job, STEPS), _losses(other, STEPS)
    if expected != found:
        raise Wrong(
            f"After a restart its next loss is {found[0]:.9g}, without one {expected[0]:.9g}: does something change "
            "while it is trained that is neither parameter nor buffer, a counter in the model for instance?"
        )
    return ""


def _session(problem: Problem) -> Session:
    spec = JobSpec.model_validate(
        {"problem": problem.name, "device": "cpu", "budget": {"steps": 2 * STEPS}, "dtype": "float32"}
    )
    return Session(spec, problem)


def _losses(session: Session, steps: int) -> list[float]:
    """Those of so many steps, at their beginnings and ends; where the budget is spent there are fewer."""
    found = []
    for step, *_ in islice(session, steps):
        assert isinstance(step, StepRecord)
        found += [step.metrics[name] for name in ("loss", "loss_after") if name in step.metrics]
    return [float(value) for value in found if isinstance(value, float)]
