"""A method: one choice for each exchangeable part."""

from dataclasses import dataclass, field

from hessianfree.acceptance import AcceptAny
from hessianfree.cg import ConjugateGradient
from hessianfree.cg_backtracking import EfficientBacktracking
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
)
from hessianfree.linesearch import ArmijoBacktracking


@dataclass(frozen=True, kw_only=True)
class Method:
    """The parts of a Hessian-free optimizer, with the defaults of [Martens 2010; Martens & Sutskever 2012].

    `preconditioner` makes CG's preconditioner anew for each step; one given to a step itself wins over it.
    `structure` adds to the curvature what damps changes inside the model, at the damping of the first group.
    `calibration` finds the first step's damping, instead of the one given (`structure` has that one for a step yet).
    `warm_start` is the share of a CG solution that the next solve starts from [Martens & Sutskever 2012, 10]; 0: none.
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
    warm_start: float = 0.95
