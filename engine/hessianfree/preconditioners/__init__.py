"""Approximate inverses of the damped curvature, for CG."""

from hessianfree.preconditioners.empirical_fisher import (
    diag_EF_autograd,
    diag_EF_backpack,
    diag_EF_preconditioner,
    diag_to_preconditioner,
)
from hessianfree.preconditioners.gauss_newton_diagonal import GaussNewtonDiagonal
from hessianfree.preconditioners.hutchinson import HutchinsonDiagonal
from hessianfree.preconditioners.nystrom import Nystrom

__all__ = [
    "GaussNewtonDiagonal",
    "HutchinsonDiagonal",
    "Nystrom",
    "diag_EF_autograd",
    "diag_EF_backpack",
    "diag_EF_preconditioner",
    "diag_to_preconditioner",
]
