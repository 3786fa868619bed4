"""The losses that one step has asked for, and what they say."""

from collections.abc import Sequence

import torch
from torch import Tensor

from hessianfree.curvature.damped import Damped
from hessianfree.interfaces import Objective
from hessianfree.records import Agreement, Candidate, CGSolution, Linearization, Memory, Promise


class Losses:
    """Losses at scaled CG iterates, each point evaluated once.

    Learning rates that differ between groups bend the step: each group's part is scaled by its share of the largest.
    """

    def __init__(
        self,
        objective: Objective,
        solution: CGSolution,
        memory: Memory,
        damping: float | Tensor,
        here: Linearization,
        judge: Objective | None = None,
    ) -> None:
        """`damping` is that of the solve, a float or [P]; `here` is where it was made.

        `judge` is what `agreement` looks at instead of `objective`: the same function of more data.
        """
        self._judge = judge
        self._objective, self._solution, self._damping = objective, solution, damping
        rates = objective.spread(memory.learning_rates)
        self.initial_scale = rates if isinstance(rates, float) else max(memory.learning_rates)
        self._bend = None if isinstance(rates, float) else rates / self.initial_scale
        self._at_zero, self._entries = here.loss, here.entries
        # Losses at the iterates themselves, unbent and unscaled; a solve from zero has its iterate 0 there.
        self._of = {0: here.loss} if memory.start is None else {}
        self._along: dict[tuple[int, float], float] = {}
        self.evaluations = 0
        self.products = 0
        self._linearizations = 0.0

    @property
    def cost(self) -> float:
        """What all of it took, in gradients."""
        return self.evaluations / 3 + self._linearizations

    def of(self, iteration: int) -> float:
        """The loss at a CG iterate."""
        if iteration not in self._of:
            self._of[iteration] = self._evaluate(self._solution.iterates[iteration])
        return self._of[iteration]

    def candidate(self, iteration: int) -> Candidate:
        iterate = self._solution.iterates[iteration]
        return Candidate(iteration=iteration, step=iterate if self._bend is None else self._bend * iterate)

    def along(self, candidate: Candidate, scale: float) -> float:
        """The loss at scale times the candidate's step."""
        if scale == 0:
            return self._at_zero
        if scale == 1 and self._bend is None:
            return self.of(candidate.iteration)
        key = candidate.iteration, scale
        if key not in self._along:
            self._along[key] = self._evaluate(scale * candidate.step)
        return self._along[key]

    def agreement(self, promise: Promise | None) -> Agreement | None:
        """Of the solution with its quadratic model, both from zero; with a judge of the judge's parabola, see `step`.

        None where nobody asks (`promise` is None), unless the loss at the solution is known anyway.
        """
        last = self._solution.last
        if promise is None and (self._judge is not None or last not in self._of):
            return None
        x, predicted = self._solution.iterates[last], self._solution.model_values[-1]
        if self._judge is not None:
            return self._judgement(self._judge, x)
        if promise is Promise.UNDAMPED:
            predicted -= 0.5 * torch.dot(self._damping * x, x).item()
        return Agreement(self.of(last) - self._at_zero, predicted, promise or Promise.DAMPED)

    def known(self, iteration: int) -> float | None:
        return self._of.get(iteration)

    def slice(
        self, candidate: Candidate, slope: float, scales: Sequence[float]
    ) -> tuple[tuple[float, float, float], ...]:
        """Scale, loss and damped model at each scale times the candidate's step d.

        m(s d) = s g'd + s^2 d'Ad / 2, with d'Ad / 2 = m(d) - g'd known at a CG iterate.
        """
        if not scales:
            return ()
        if self._bend is None:
            half_curvature = self._solution.model_values[candidate.iteration] - slope
        else:
            half_curvature = self._half_curvature_along(candidate.step)
        return tuple(
            (
                scale,
                self.along(candidate, scale),
                self._at_zero + scale * slope + scale**2 * half_curvature,
            )
            for scale in scales
        )

    def _judgement(self, judge: Objective, x: Tensor) -> Agreement:
        there = judge.linearize()
        data = there.entries / self._entries if there.entries and self._entries else 1.0
        self._linearizations += 4 / 3 * there.cost * data  # with the loss at x
        promised = -0.5 * abs(torch.dot(there.gradient, x).item())
        return Agreement(judge.loss_at(x) - there.loss, promised, Promise.HALF_SLOPE)

    def _half_curvature_along(self, d: Tensor) -> float:
        """d'Ad / 2 of a step that is no iterate. The trials since have moved the parameters: CG's graphs are stale."""
        here = self._objective.linearize()
        A = Damped(here.curvature, self._damping)
        self.products += 1
        self._linearizations += here.cost + here.product_cost
        return 0.5 * torch.dot(d, A(d)).item()

    def _evaluate(self, step: Tensor) -> float:
        self.evaluations += 1
        return self._objective.loss_at(step)
