"""The constructor's options as a method: their names and meanings are those that existing scripts use."""

from warnings import warn

from hessianfree.acceptance import AcceptAny, RejectWorse
from hessianfree.cg import ConjugateGradient
from hessianfree.cg_backtracking import EfficientBacktracking, LastIterate
from hessianfree.curvature import GaussNewton, Hessian
from hessianfree.damping import ConstantDamping, LevenbergMarquardt
from hessianfree.interfaces import CurvatureAt
from hessianfree.linesearch import ArmijoBacktracking, FixedScale
from hessianfree.method import Method

_CURVATURES: dict[str, CurvatureAt] = {"ggn": GaussNewton, "hessian": Hessian}


def method_of(
    *,
    curvature_opt: str,
    damping: float,
    adapt_damping: bool,
    cg_max_iter: int | None,
    cg_decay_x0: float,
    use_cg_backtracking: bool,
    use_linesearch: bool,
    reject_worse: bool,
) -> Method:
    """The parts that the options of `HessianFree` (see there) stand for.

    Raises:
        ValueError: an option is out of bounds; the message names it.
    """
    curvature = curvature_of(curvature_opt)
    if cg_max_iter is not None and cg_max_iter < 1:
        raise ValueError(f"cg_max_iter must be at least 1, or None; got {cg_max_iter}")
    if damping == 0 and adapt_damping:
        warn("damping is 0 and cannot be adapted by factors: adapt_damping is turned off", stacklevel=3)
        adapt_damping = False
    return Method(
        curvature=curvature,
        solver=ConjugateGradient(max_iter=cg_max_iter, keep=None if use_cg_backtracking else ()),
        damping=LevenbergMarquardt() if adapt_damping else ConstantDamping(),
        selector=EfficientBacktracking() if use_cg_backtracking else LastIterate(),
        search=ArmijoBacktracking() if use_linesearch else FixedScale(),
        acceptance=RejectWorse() if reject_worse else AcceptAny(),
        warm_start=cg_decay_x0,
    )


def curvature_of(curvature_opt: str) -> CurvatureAt:
    """What builds the matrix of that name.

    Raises:
        ValueError: there is none.
    """
    if curvature_opt not in _CURVATURES:
        raise ValueError(f'curvature_opt must be "ggn" or "hessian"; got {curvature_opt!r}')
    return _CURVATURES[curvature_opt]
