"""Approximate inverses of the damped curvature, for CG."""

from hessianfree.preconditioners.empirical_fisher import (
    diag_EF_autograd,
    diag_EF_backpack,
    diag_EF_preconditioner,
    diag_to_preconditioner,
)

__all__ = ["diag_EF_autograd", "diag_EF_backpack", "diag_EF_preconditioner", "diag_to_preconditioner"]
