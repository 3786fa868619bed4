"""The method with the settings that measured best; docs/methods.md has the figures."""

from torch import nn

from hessianfree.acceptance import RejectWorse
from hessianfree.augmented import AugmentedConjugateGradient
from hessianfree.cg import ConjugateGradient
from hessianfree.cg_backtracking import LastIterate
from hessianfree.damping import LevenbergMarquardt
from hessianfree.method import Method
from hessianfree.preconditioners.kfac import KFAC
from hessianfree.stopping import Divergence, IterationLimit, MartensProgress, ResidualTolerance

ITERATIONS = 10
DAMPING = 0.1
"""In units of the square root of a layer's mean curvature, see KFAC."""


def first_damping(model: nn.Module | None) -> float:
    """What goes with `recommended_method(model)`."""
    return 1.0 if model is None else DAMPING


def recommended_method(model: nn.Module | None) -> Method:
    """Few iterations of CG on K-FAC's preconditioner, conjugate to the last step; without a `model`, Martens' own.

    Ten iterations solve the damped system badly, which is meant: the rest comes with the next step's gradient, since
    the last step is part of the space that the next one is chosen from. All that CG has found is taken (no
    backtracking), a step that makes the loss worse is not, and the damping follows, at a pace for steps that are many.

    Without a model there is no preconditioner: the parts of [Martens 2010], with his rule for the end of CG.
    """
    stopping = (MartensProgress(), IterationLimit(), Divergence(), ResidualTolerance())
    if model is None:
        return Method(solver=ConjugateGradient(stopping=stopping), acceptance=RejectWorse())
    return Method(
        solver=AugmentedConjugateGradient(
            solver=ConjugateGradient(max_iter=ITERATIONS, stopping=stopping, keep=())
        ),
        preconditioner=KFAC(model=model),
        damping=LevenbergMarquardt(grow=2, shrink=0.8, least=1e-8),
        selector=LastIterate(),
        acceptance=RejectWorse(),
        warm_start=1.0,
    )
