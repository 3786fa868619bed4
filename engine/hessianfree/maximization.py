"""Maximizing f is minimizing -f: negated on the way in, what is told negated on the way out."""

from dataclasses import replace

from torch import Tensor

from hessianfree.interfaces import LinearMap, Objective
from hessianfree.records import Linearization, SolveTrace, StepReport


class Negated:
    """-objective, with the gradient and the curvature of -objective."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self.spread = objective.spread

    def linearize(self) -> Linearization:
        here = self._objective.linearize()
        return replace(
            here,
            loss=-here.loss,
            gradient=-here.gradient,
            curvature=negated(here.curvature),
            passes=tuple(replace(forward, weight=-forward.weight) for forward in here.passes),
        )

    def loss_at(self, step: Tensor) -> float:
        return -self._objective.loss_at(step)


def negated(A: LinearMap) -> LinearMap:
    """v -> -A v."""
    return lambda vector: -A(vector)  # not in place: it may be a tensor that the user keeps


def report_as_maximized(report: StepReport) -> StepReport:
    """A report on the minimization of -f as one on f. Ratio, reductions, norms and counts are the same for both."""
    return replace(report, loss=-report.loss, loss_after=-report.loss_after)


def trace_as_maximized(trace: SolveTrace) -> SolveTrace:
    """A trace of the minimization of -f with the values of f; CG's own numbers stay those of its system."""
    return replace(
        trace,
        loss=-trace.loss,
        kept=tuple((iteration, None if loss is None else -loss) for iteration, loss in trace.kept),
        line_search=tuple((scale, -loss) for scale, loss in trace.line_search),
        slice=tuple((scale, -loss, -predicted) for scale, loss, predicted in trace.slice),
    )
