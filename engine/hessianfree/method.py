"""A method: one choice for each exchangeable part."""

from dataclasses import dataclass, field

from hessianfree.acceptance import AcceptAny
from hessianfree.cg import ConjugateGradient
from hessianfree.cg_backtracking import EfficientBacktracking, LastIterate
from hessianfree.curvature.gauss_newton import GaussNewton
from hessianfree.damping import LevenbergMarquardt
from hessianfree.interfaces import (
    Acceptance,
    Calibration,
    CandidateSelector,
    CurvatureAt,
    DampingPolicy,
    LinearSolver,
    PreconditionerAt,
    StepSearch,
    Structure,
    WarmStart,
)
from hessianfree.linesearch import ArmijoBacktracking, FixedScale
from hessianfree.warm_start import MomentumSchedule


@dataclass(frozen=True, kw_only=True)
class Method:
    """The parts of a Hessian-free optimizer, with the defaults of [Martens 2010; Martens & Sutskever 2012].

    `preconditioner` makes CG's preconditioner anew for each step; one given to a step itself wins over it.
    `structure` adds to the curvature what damps changes inside the model, at the damping of the first group.
    `calibration` finds the first step's damping, instead of the one given (`structure` has that one for a step yet).
    `warm_start` is the share of a CG solution that the next solve starts from [Martens & Sutskever 2012, 10], or a
    function of the step's number; 0: none.
    """

    curvature: CurvatureAt = GaussNewton
    solver: LinearSolver = field(default_factory=ConjugateGradient)
    structure: Structure | None = None
    preconditioner: PreconditionerAt | None = None
    calibration: Calibration | None = None
    damping: DampingPolicy = field(default_factory=LevenbergMarquardt)
    selector: CandidateSelector = field(default_factory=EfficientBacktracking)
    search: StepSearch = field(default_factory=ArmijoBacktracking)
    acceptance: Acceptance = field(default_factory=AcceptAny)
    warm_start: float | WarmStart = 0.95


def momentum_like(*, cg_iterations: int = 10, warm_start: float | WarmStart = MomentumSchedule()) -> Method:
    """Few CG iterations from a share of the last step, taken as they are [Sutskever et al. 2013, appendix].

    Without backtracking or search the decayed last step is a velocity, to which CG adds what the curvature knows of
    the gradient: between momentum (one iteration) and Hessian-free. For mini-batches, judged on more data than a step
    is made from (see `judge_forward` of `HessianFree.step`).
    """
    return Method(
        solver=ConjugateGradient(max_iter=cg_iterations, keep=()),
        selector=LastIterate(),
        search=FixedScale(),
        warm_start=warm_start,
    )
