"""Whether a problem is what jobs and a second-order method need: `hessianfree check` asks, and says what is wrong."""

import warnings
from collections.abc import Callable, Collection, Iterator

from hessianfree_lab.training.checking import function, jobs
from hessianfree_lab.training.checking.finding import Finding, Wrong
from hessianfree_lab.training.problems.interface import Problem, Task


def _of(look: Callable[[Task], str]) -> Callable[[Problem], str]:
    """A look at a task as one at a problem: at a task of its own, since some move parameters."""
    return lambda problem: look(jobs.built(problem))


DATA = "its data are here"
BUILT = "it can be built"
ONE_FUNCTION = "two evaluations at one point agree"

LOOKS: dict[str, Callable[[Problem], str]] = {
    "a worker can announce it": jobs.announcement,
    DATA: jobs.data,
    BUILT: jobs.size,
    "loss and outputs have the right shapes": _of(function.shapes),
    "the same seed gives the same problem": jobs.seeds,
    "what is held out can be evaluated": jobs.evaluation,
    ONE_FUNCTION: _of(function.determinism),
    "each case stands alone": _of(function.independence),
    "the loss is a mean over cases": _of(function.reduction),
    "the gradient is that of the loss": _of(function.gradient),
    "the loss is convex in the outputs": _of(function.convexity),
    "Gauss-Newton products agree with the dense matrix": _of(function.products),
    "Hessian-free steps lower the loss": _of(function.steps),
    "a job can train it, in float32": jobs.training,
    "it goes on exactly from a checkpoint": jobs.resumption,
}
NEEDED = {DATA, BUILT, ONE_FUNCTION}
"""Where one of these is wrong, nothing can be said of what follows."""


def check(problem: Problem, others: Collection[Problem] = ()) -> Iterator[Finding]:
    """Look at one thing after the other, with the problem's default options. `others` are beside it in a worker."""
    yield _looked("no other problem has its name", lambda it: jobs.name(it, others), problem)
    for what, look in LOOKS.items():
        finding = _looked(what, look, problem)
        yield finding
        if what in NEEDED and not finding.is_right:
            return


def _looked(what: str, look: Callable[[Problem], str], problem: Problem) -> Finding:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            told = look(problem)
        except Wrong as error:
            return Finding(what=what, is_right=False, told=str(error))
        except (Exception, SystemExit) as error:  # whatever somebody's code raises
            words = " ".join(f"{type(error).__name__}: {error}".split())
            return Finding(what=what, is_right=False, told=words)
    if warned:
        told = f"{told}; warned {len(warned)} times, first: {warned[0].message}".lstrip("; ")
    return Finding(what=what, is_right=True, told=told)


__all__ = ["Finding", "check"]
