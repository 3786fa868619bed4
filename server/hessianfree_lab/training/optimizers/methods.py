"""The options of a job as the parts of a method."""

from dataclasses import replace
from typing import Any, Literal

from pydantic import Field, JsonValue
from torch import nn

from hessianfree.augmented import AugmentedConjugateGradient
from hessianfree.calibration import RayleighCalibration
from hessianfree.cg import ConjugateGradient
from hessianfree.damping import LevenbergMarquardt
from hessianfree.interfaces import LinearSolver, PreconditionerAt, StoppingRule, WarmStart
from hessianfree.method import Method
from hessianfree.negative_curvature import StopThere, WarnAndGoOn
from hessianfree.options import method_of
from hessianfree.preconditioners import GaussNewtonDiagonal, HutchinsonDiagonal, Nystrom
from hessianfree.preconditioners.kfac import KFAC
from hessianfree.records import Promise
from hessianfree.saddle_free import SaddleFree
from hessianfree.stopping import (
    Deadline,
    Divergence,
    ForcingSequence,
    IterationLimit,
    MartensProgress,
    RelativeProgress,
    ResidualTolerance,
)
from hessianfree.structural_damping import StructuralDamping, logistic_distance
from hessianfree.trust_region import SteihaugToint
from hessianfree.warm_start import MomentumSchedule
from hessianfree_lab.training.params import Params

_STOPS: dict[str, StoppingRule] = {
    "relative_progress": RelativeProgress(),
    "martens": MartensProgress(),
    "forcing": ForcingSequence(),
}
_FROM_ZERO = ("trust_region", "saddle_free")
MOST_PRODUCTS = 30  # of the saddle-free solver, which keeps a vector for each
FIRST: dict[str, JsonValue] = {"x-first": True}
_PROMISES = {"damped": Promise.DAMPED, "undamped": Promise.UNDAMPED}


class HessianFreeParams(Params):
    """The options of `hessianfree.optimizer.HessianFree`, and the parts that it can be made of.

    Those that are chosen FIRST stand before the others in a form.
    """

    curvature_opt: Literal["ggn", "hessian"] = Field(
        "ggn", title="Curvature", description="Curvature matrix: generalized Gauss-Newton, or the Hessian."
    )
    damping: float = Field(
        1.0, ge=0, le=1e12, description="Initial Tikhonov damping.", json_schema_extra=FIRST
    )
    adapt_damping: bool = Field(
        True, description="Adapt the damping by the reduction ratio (Levenberg-Marquardt)."
    )
    damping_least: float = Field(
        0.0, ge=0, le=1e12, description="The damping is adapted down to this, and no further."
    )
    damping_every: int = Field(
        1, ge=1, le=1_000, description="Steps between two adaptations, by as much more each time."
    )
    calibrate_damping: bool = Field(
        False,
        description="Begin with a hundredth of the curvature along the gradient, whatever the damping given.",
    )
    reduction_ratio: Literal["damped", "undamped"] = Field(
        "damped", description="What the loss is held against: the model with the damping term, or without it."
    )
    judge_share: float = Field(
        1.0,
        ge=1,
        le=1_000,
        title="Cases that judge a step",
        description=(
            "Cases that a step on a mini-batch is judged by for the damping, in multiples of the batch size; 1: its "
            "own, which a step may suit alone."
        ),
    )
    curvature_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description=(
            "Share of a step's cases that its curvature is measured on, drawn anew for each; loss, gradient and search "
            "have them all."
        ),
    )
    batch_growth: float = Field(
        1.0,
        ge=1,
        le=10,
        description="Factor from each mini-batch to the next, the first having the problem's batch size.",
    )
    structural_damping: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description=(
            "Damps changes of a recurrent network's hidden states, with this weight beside the damping; 0: none."
        ),
    )
    cg_max_iter: int | None = Field(
        250,
        ge=1,
        le=1_000_000,
        title="CG iterations at most",
        description="Most CG iterations a step; empty: the number of parameters.",
        json_schema_extra=FIRST,
    )
    cg_stop: Literal["relative_progress", "martens", "forcing"] = Field(
        "relative_progress",
        description=(
            "When CG ends: on slow progress since its start; on Martens' own rule, ten times looser; or on a residual "
            "that is small beside the gradient (forcing sequence)."
        ),
    )
    negative_curvature: Literal["warn", "stop", "trust_region", "saddle_free"] = Field(
        "warn",
        description=(
            "Where the Hessian curves downwards: warn and go on; stop CG there; stay within a trust region, best with "
            "a damping of 0; or take the curvature's absolute value, in the space of at most 30 products. The last two "
            "start CG from zero."
        ),
    )
    trust_radius: float = Field(
        1.0, gt=0, le=1e3, description="Radius of the trust region in the first step; it adapts."
    )
    cg_start: Literal["share", "momentum", "augmented"] = Field(
        "share",
        description=(
            "CG starts at a fixed share of its last solution; at one that grows like a momentum, "
            "1 - 1 / (2 (step // 250 + 1)); or at the best share, and stays conjugate to it."
        ),
    )
    cg_decay_x0: float = Field(
        0.95,
        ge=0,
        le=1,
        title="CG start share",
        description="That share of its last solution, the largest where it grows; 0: CG starts from zero.",
    )
    use_cg_backtracking: bool = Field(
        True, title="CG backtracking", description="Choose among stored CG iterates by their loss."
    )
    lr: float = Field(
        1.0,
        gt=0,
        le=1e6,
        description="Scale of the step; where the line search starts.",
        json_schema_extra=FIRST,
    )
    use_linesearch: bool = Field(
        True, title="Line search", description="Shrink the step until the loss falls enough (Armijo)."
    )
    verbose: bool = Field(False, description="Print a line a step into the run's log.")
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Adds this times half the squared norm of the parameters to the loss, also to the one reported.",
        json_schema_extra=FIRST,
    )
    reject_worse: bool = Field(
        False, description="Refuse a step whose loss is higher or not finite, and raise the damping."
    )
    preconditioner: Literal[
        "none", "empirical_fisher", "hutchinson", "gauss_newton_diagonal", "nystrom", "kfac"
    ] = Field(
        "none",
        json_schema_extra=FIRST,
        description=(
            "Preconditioner of CG: none; the diagonal of the empirical Fisher matrix; the curvature's diagonal, by "
            "Hutchinson's estimate or from random slopes at the outputs; its large eigenvalues by a randomized Nyström "
            "approximation; or Kronecker factors of each layer's block (K-FAC)."
        ),
    )
    preconditioner_exponent: float = Field(
        0.75,
        gt=0,
        le=1,
        description="Softens the preconditioner's diagonal: (diagonal + damping) ** exponent.",
    )
    preconditioner_probes: int = Field(
        20,
        ge=1,
        le=10_000,
        description=(
            "Random vectors that a diagonal or Nyström's approximation is estimated from, at a curvature product each "
            "(half of one from the outputs)."
        ),
    )
    preconditioner_every: int = Field(
        5,
        ge=1,
        le=10_000,
        description="Steps for which a preconditioner is kept; empirical Fisher's is always new.",
    )


def method_from(
    params: HessianFreeParams, model: nn.Module | None = None, deadline: Deadline | None = None
) -> Method:
    """The parts that the options stand for; with their defaults those of the plain constructor.

    `model` is whose layers K-FAC looks at; None where the task has none. The solver ends at the `deadline`, too.
    """
    method = method_of(
        curvature_opt=params.curvature_opt,
        damping=params.damping,
        # The library would say the same in a warning: factors cannot move 0.
        adapt_damping=params.adapt_damping and params.damping > 0,
        cg_max_iter=params.cg_max_iter,
        cg_decay_x0=params.cg_decay_x0,
        use_cg_backtracking=params.use_cg_backtracking,
        use_linesearch=params.use_linesearch,
        reject_worse=params.reject_worse,
    )
    damping = method.damping
    if isinstance(damping, LevenbergMarquardt):
        damping = LevenbergMarquardt(
            least=params.damping_least,
            every=params.damping_every,
            promise=_PROMISES[params.reduction_ratio],
        )
    return replace(
        method,
        solver=_solver(params, deadline),
        warm_start=_warm_start(params),
        damping=damping,
        structure=_structure(params),
        preconditioner=_preconditioner(params, model),
        calibration=RayleighCalibration() if params.calibrate_damping else None,
    )


def _warm_start(params: HessianFreeParams) -> float | WarmStart:
    if params.negative_curvature in _FROM_ZERO:
        return 0.0
    return MomentumSchedule(most=params.cg_decay_x0) if params.cg_start == "momentum" else params.cg_decay_x0


def _solver(params: HessianFreeParams, deadline: Deadline | None) -> LinearSolver:
    stopping = (_STOPS[params.cg_stop], IterationLimit(), Divergence(), ResidualTolerance())
    cg = ConjugateGradient(
        max_iter=params.cg_max_iter,
        keep=None if params.use_cg_backtracking else (),
        stopping=stopping if deadline is None else (*stopping, deadline),
        length=StopThere() if params.negative_curvature == "stop" else WarnAndGoOn(),
    )
    match params.negative_curvature:
        case "trust_region":
            return SteihaugToint(radius=params.trust_radius, cg=cg)
        case "saddle_free":
            iterations = min(params.cg_max_iter or MOST_PRODUCTS, MOST_PRODUCTS)
            return SaddleFree(iterations=iterations, deadline=deadline)
    return AugmentedConjugateGradient(solver=cg) if params.cg_start == "augmented" else cg


def _preconditioner(params: HessianFreeParams, model: nn.Module | None) -> PreconditionerAt | None:
    """One made of curvature products; that of the empirical Fisher matrix needs the batch, beside the step."""
    probes, every, exponent = (
        params.preconditioner_probes,
        params.preconditioner_every,
        params.preconditioner_exponent,
    )
    match params.preconditioner:
        case "hutchinson":
            return HutchinsonDiagonal(probes=probes, every=every, exponent=exponent)
        case "gauss_newton_diagonal":
            return GaussNewtonDiagonal(probes=probes, every=every, exponent=exponent)
        case "nystrom":
            return Nystrom(rank=probes, every=every)
        case "kfac" if model is not None:
            return KFAC(model=model, every=every)
    return None


def _structure(params: HessianFreeParams) -> StructuralDamping | None:
    if params.structural_damping == 0:
        return None
    return StructuralDamping(of=_states, weight=params.structural_damping, distance=_tanh_distance)


def _states(outputs: Any) -> Any:
    """What the units were fed, of what a recurrent network answers with its states."""
    return outputs[1]


def _tanh_distance(now: Any, start: Any) -> Any:
    """Units of tanh are logistic ones at twice their inputs."""
    return logistic_distance(2 * now, 2 * start)
