"""One Hessian-free step, the whole algorithm on one screen."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hessianfree.curvature.damped import Damped
from hessianfree.interfaces import LinearMap, Objective, Parts
from hessianfree.records import Agreement, Candidate, CGSolution, Memory, SearchResult, SolveTrace, StepReport


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """What a step decided; nothing has been changed yet."""

    step: Tensor  # [P], to be added to the parameters
    memory: Memory
    report: StepReport
    trace: SolveTrace


def hessian_free_step(
    objective: Objective,
    parts: Parts,
    memory: Memory,
    M: LinearMap | None = None,
    peak_memory: Callable[[], int | None] = lambda: None,
) -> StepOutcome:
    """Linearize, solve, judge the model, choose an iterate, search along it [Martens 2010, Algorithm 2; 4].

    `M` approximates the inverse of the damped curvature. The objective's parameters are only read and tried.
    """
    started = time.perf_counter()
    here = objective.linearize()
    linearized = time.perf_counter()

    damped = Damped(here.curvature, objective.spread(memory.dampings))
    solution = parts.solver.solve(damped, -here.gradient, memory.start, M)
    solved = time.perf_counter()

    losses = _Losses(objective, solution, memory, here.loss)
    if parts.damping.needs_agreement:
        losses.of(solution.last)
    candidate = losses.candidate(parts.selector.choose(losses.of, sorted(solution.iterates)))
    slope = torch.dot(here.gradient, candidate.step).item()
    found = parts.search.search(
        lambda scale: losses.along(candidate, scale), here.loss, slope, losses.initial_scale
    )
    # Not 0 * step: the search may have refused a step that is not finite.
    step = found.scale * candidate.step if found.scale else torch.zeros_like(candidate.step)
    step_norm = torch.linalg.vector_norm(step).item()
    searched = time.perf_counter()

    agreement = losses.agreement()
    report = StepReport(
        loss=here.loss,
        loss_after=found.loss,
        gradient_norm=torch.linalg.vector_norm(here.gradient).item(),
        damping=memory.dampings[0],
        reduction_ratio=agreement.ratio if agreement and agreement.predicted else None,
        cg_iterations=solution.last,
        cg_stop=solution.reason,
        cg_chosen_iteration=candidate.iteration,
        step_scale=found.scale,
        step_norm=step_norm,
        accepted=step_norm != 0,
        curvature_products=solution.products,
        loss_evaluations=losses.evaluations,
        gradient_equivalents=here.cost + solution.products * here.product_cost + losses.evaluations / 3,
        seconds_gradient=linearized - started,
        seconds_cg=solved - linearized,
        seconds_search=searched - solved,
        peak_memory_bytes=peak_memory(),
    )
    next_memory = Memory(
        dampings=tuple(
            parts.damping.update(damping, agreement) if agreement else damping for damping in memory.dampings
        ),
        learning_rates=memory.learning_rates,
        start=_next_start(solution, parts.warm_start),
    )
    trace = _trace(solution, losses, candidate, found, report.damping, preconditioned=M is not None)
    return StepOutcome(step=step, memory=next_memory, report=report, trace=trace)


class _Losses:
    """Losses at scaled CG iterates, each point evaluated once.

    Learning rates that differ between groups bend the step: each group's part is scaled by its share of the largest.
    """

    def __init__(
        self, objective: Objective, solution: CGSolution, memory: Memory, loss_at_zero: float
    ) -> None:
        self._objective, self._solution = objective, solution
        rates = objective.spread(memory.learning_rates)
        self.initial_scale = rates if isinstance(rates, float) else max(memory.learning_rates)
        self._bend = None if isinstance(rates, float) else rates / self.initial_scale
        self._at_zero = loss_at_zero
        # Losses at the iterates themselves, unbent and unscaled; a solve from zero has its iterate 0 there.
        self._of = {0: loss_at_zero} if memory.start is None else {}
        self.evaluations = 0

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
        return self._evaluate(scale * candidate.step)

    def agreement(self) -> Agreement | None:
        """Of the solution with its quadratic model, both from zero; None if its loss was never needed."""
        last = self._solution.last
        if last not in self._of:
            return None
        return Agreement(actual=self._of[last] - self._at_zero, predicted=self._solution.model_values[-1])

    def known(self, iteration: int) -> float | None:
        return self._of.get(iteration)

    def _evaluate(self, step: Tensor) -> float:
        self.evaluations += 1
        return self._objective.loss_at(step)


def _next_start(solution: CGSolution, warm_start: float) -> Tensor | None:
    """The next solve's start, the decayed solution; none after a divergence, which would poison every later step."""
    last = solution.iterates[solution.last]
    if warm_start == 0 or not torch.isfinite(last).all():
        return None
    return warm_start * last


def _trace(
    solution: CGSolution,
    losses: _Losses,
    candidate: Candidate,
    found: SearchResult,
    damping: float,
    *,
    preconditioned: bool,
) -> SolveTrace:
    return SolveTrace(
        stop=solution.reason,
        damping=damping,
        model_values=solution.model_values,
        residual_norms=solution.residual_norms,
        alphas=solution.alphas,
        betas=solution.betas,
        kept=tuple((iteration, losses.known(iteration)) for iteration in sorted(solution.iterates)),
        chosen_iteration=candidate.iteration,
        preconditioned=preconditioned,
        line_search=found.trials,
    )
