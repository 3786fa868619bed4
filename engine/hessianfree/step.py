"""One Hessian-free step, the whole algorithm on one screen."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hessianfree.damped_system import solved
from hessianfree.interfaces import LinearMap, Objective, Parts
from hessianfree.losses import Losses
from hessianfree.records import CGSolution, Memory, Promise, SolveTrace, StepReport
from hessianfree.utils import angle


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
    *,
    judge: Objective | None = None,
    slice_scales: Sequence[float] = (),
    parameter_norm: Callable[[], Tensor] | None = None,
    peak_memory: Callable[[], int | None] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> StepOutcome:
    """Linearize, solve, judge the model, choose an iterate, search along it [Martens 2010, Algorithm 2; 4].

    `M` approximates the inverse of the damped curvature, instead of what the preconditioner part makes. Where there is
    a `judge`, the same function of more data, the reduction ratio is its change over half its slope along the solution.
    `slice_scales` are those to look at the loss at, beside what the search tries (see LossSlice). `parameter_norm` is
    for the report, 0-dimensional and of the gradient's kind. The report's seconds are of `clock`. The parameters are
    only read and tried.
    """
    started = clock()
    here = objective.linearize()
    norms = [torch.linalg.vector_norm(here.gradient)]
    if parameter_norm is not None:
        norms.append(parameter_norm())
    gradient_norm, *norm_of_parameters = torch.stack(norms).tolist()  # one wait for the device
    linearized = clock()

    system = solved(objective, parts, memory, here, M)
    memory, solution, bounded = system.memory, system.solution, system.bounded
    solved_at = clock()

    losses = Losses(objective, solution, memory, system.damping, here, judge)
    candidate = losses.candidate(parts.selector.choose(losses.of, sorted(solution.iterates)))
    slope = torch.dot(here.gradient, candidate.step).item()
    found = parts.search.search(
        lambda scale: losses.along(candidate, scale), here.loss, slope, losses.initial_scale
    )
    objection = parts.acceptance.objection(here.loss, found.loss)
    if objection is not None:
        found = replace(found, scale=0.0, loss=here.loss)
    # Not 0 * step: the search may have refused a step that is not finite.
    step = found.scale * candidate.step if found.scale else torch.zeros_like(candidate.step)
    step_norm = torch.linalg.vector_norm(step).item()
    sliced = losses.slice(candidate, slope, slice_scales)
    asked = parts.damping.asks(memory.steps)
    agreement = losses.agreement(asked or (Promise.DAMPED if bounded else None))
    searched = clock()

    next_memory = Memory(
        dampings=tuple(
            parts.damping.update(damping, agreement) if asked and agreement else damping
            for damping in memory.dampings
        ),
        learning_rates=memory.learning_rates,
        steps=memory.steps + 1,
        start=_next_start(
            solution, parts.warm_start(memory.steps) if callable(parts.warm_start) else parts.warm_start
        ),
        radius=bounded.radius_after(solution, agreement) if bounded and agreement else memory.radius,
        preconditioner=system.preconditioning.memory if system.preconditioning else memory.preconditioner,
    )
    rejection = None
    if step_norm == 0:
        if losses.initial_scale == 0:
            rejection = "the learning rate is 0"
        elif gradient_norm == 0:
            rejection = "the gradient is 0"
        else:
            failed = "the search" if found.scale == 0 else "backtracking over the CG iterates"
            rejection = objection or f"{failed} found nothing better than the starting point"
            next_memory = parts.acceptance.after_rejection(memory, next_memory)

    report = StepReport(
        loss=here.loss,
        loss_after=found.loss,
        gradient_norm=gradient_norm,
        parameter_norm=norm_of_parameters[0] if norm_of_parameters else None,
        damping=memory.dampings[0],
        trust_radius=bounded.radius if bounded else None,
        reduction_ratio=agreement.ratio if agreement and agreement.predicted else None,
        predicted_reduction=-agreement.predicted if agreement else None,
        actual_reduction=-agreement.actual if agreement else None,
        cg_iterations=solution.last,
        cg_stop=solution.reason,
        cg_chosen_iteration=candidate.iteration,
        negative_curvature=solution.negative_curvature,
        step_scale=found.scale,
        step_norm=step_norm,
        step_angle=angle(-found.scale * slope, gradient_norm * step_norm),
        accepted=rejection is None,
        rejection=rejection,
        curvature_products=system.products + losses.products,
        loss_evaluations=losses.evaluations,
        gradient_equivalents=here.cost + system.cost + losses.cost,
        seconds_gradient=linearized - started,
        seconds_cg=solved_at - linearized,
        seconds_search=searched - solved_at,
        peak_memory_bytes=peak_memory(),
    )
    trace = SolveTrace(
        stop=solution.reason,
        loss=here.loss,
        damping=report.damping,
        model_values=solution.model_values,
        residual_norms=solution.residual_norms,
        alphas=solution.alphas,
        betas=solution.betas,
        kept=tuple((iteration, losses.known(iteration)) for iteration in sorted(solution.iterates)),
        chosen_iteration=candidate.iteration,
        preconditioned=system.preconditioned,
        line_search=found.trials,
        slice=sliced,
        agreement=agreement,
    )
    return StepOutcome(step=step, memory=next_memory, report=report, trace=trace)


def _next_start(solution: CGSolution, warm_start: float) -> Tensor | None:
    """The next solve's start, the decayed solution; none after a divergence, which would poison every later step."""
    last = solution.iterates[solution.last]
    if warm_start == 0 or not torch.isfinite(last).all():
        return None
    return warm_start * last
