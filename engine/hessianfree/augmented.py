"""CG that keeps what the last step has found."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from hessianfree.cg import ConjugateGradient
from hessianfree.interfaces import LinearMap
from hessianfree.records import CGSolution


@dataclass(frozen=True, kw_only=True)
class AugmentedConjugateGradient:
    """Minimizes 0.5 x'Ax - b'x over the span of the start d and the Krylov space [Erhel & Guyomarc'h 2000, 3].

    A warm start takes a fixed share of the last solution, for better or worse, and CG goes on as if it were nothing.
    Here the share is the best one, and every direction stays conjugate to d, so that the solution is the best
    combination of both. After one iteration that is the step of [Martens & Grosse 2015, 7], the gradient's direction
    and the last step's with the best two lengths: momentum whose strength the quadratic model sets; after many it is
    CG's. Costs the product that a warm start costs, a dot and an addition an iteration, and two vectors.

    Where d has no positive curvature, CG starts from zero. The coefficients' Ritz values are those of A on what is
    conjugate to d.
    """

    solver: ConjugateGradient = field(default_factory=ConjugateGradient)

    def solve(
        self, A: LinearMap, b: Tensor, x0: Tensor | None = None, M: LinearMap | None = None
    ) -> CGSolution:
        """As ConjugateGradient's; of `x0` only the direction counts."""
        if x0 is None:
            return self.solver.solve(A, b, None, M)
        d, Ad = x0, A(x0)
        curvature, descent = torch.stack([torch.dot(d, Ad), torch.dot(d, b)]).tolist()
        if not curvature > 0:
            solution = self.solver.solve(A, b, None, M)
        else:
            share = descent / curvature

            def conjugate(r: Tensor, /) -> Tensor:
                # On residuals, which are orthogonal to d, this is symmetric and positive definite as M is.
                y = r.clone() if M is None else M(r)
                return y.addcmul_(d, torch.dot(y, Ad) / -curvature)

            solution = self.solver.solve(A, b, share * d, conjugate, Ax0=share * Ad)
        return replace(solution, products=solution.products + 1)
