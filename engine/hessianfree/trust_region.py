"""CG within a trust region."""

import math
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from hessianfree.cg import ConjugateGradient
from hessianfree.interfaces import LinearMap
from hessianfree.records import Agreement, CGSolution


@dataclass(frozen=True, kw_only=True)
class WithinRadius:
    """Up to the sphere ||x|| = radius where the minimum along the direction lies beyond it, or there is none."""

    radius: float

    def __call__(
        self, x: Tensor, p: Tensor, descent: Tensor, curvature: Tensor, iteration: int
    ) -> tuple[Tensor, Tensor]:
        del iteration
        # ||x + t p|| = radius: a t^2 + 2 h t + c = 0, with the root taken that does not cancel.
        a, h, c = torch.dot(p, p), torch.dot(p, x), torch.dot(x, x) - self.radius**2
        root = (h**2 - a * c).clamp(min=0).sqrt()
        to_the_sphere = torch.where(h > 0, -c / (h + root), (root - h) / a)
        newton = descent / curvature
        amiss = (curvature <= 0) | (newton >= to_the_sphere)
        return torch.where(amiss, to_the_sphere, newton), amiss

    def end(self, curvature: float, iteration: int) -> str | None:
        del iteration
        return "Negative curvature" if curvature <= 0 else "Trust region"


@dataclass(frozen=True, kw_only=True)
class SteihaugToint:
    """Minimizes the model within ||x|| <= radius, nearly, also where A is indefinite [Steihaug 1983; Toint 1981].

    CG from zero, on whose way the norm only grows (without a preconditioner); it ends on the sphere where the next
    iterate would lie outside, or the curvature along a direction is not positive. The model falls at least as much as
    along the first direction alone. Unlike there, the norm is the Euclidean one with a preconditioner, too, so that the
    radius means the same in every step. A start is left aside: use it with `Method(warm_start=0)`.

    From step to step the radius follows the ratio [Nocedal & Wright 2006, Algorithm 4.1]: below `low` (or not a number)
    it becomes `shrink` times the length of the solution; above `high`, for a solution on the sphere, `grow` times
    itself, up to `most`. Costs three dots an iteration, and a loss evaluation a step, shared with damping and
    backtracking. Mostly one wants `ConstantDamping` and a damping of 0 beside it: the radius takes their place.
    """

    radius: float = 1.0
    most: float = 1e3
    low: float = 0.25
    high: float = 0.75
    shrink: float = 0.25
    grow: float = 2.0
    cg: ConjugateGradient = field(default_factory=ConjugateGradient)

    def __post_init__(self) -> None:
        if not 0 < self.radius <= self.most:
            raise ValueError(f"need 0 < radius <= most; got radius={self.radius}, most={self.most}")
        if not self.low < self.high:
            raise ValueError(f"low must be below high; got low={self.low}, high={self.high}")
        if not (self.grow >= 1 > self.shrink > 0):
            raise ValueError(f"need grow >= 1 > shrink > 0; got grow={self.grow}, shrink={self.shrink}")

    def solve(
        self, A: LinearMap, b: Tensor, x0: Tensor | None = None, M: LinearMap | None = None
    ) -> CGSolution:
        """Run CG from zero, whatever `x0`, preconditioned by `M`, an approximate inverse of A."""
        del x0
        return replace(self.cg, length=WithinRadius(radius=self.radius)).solve(A, b, None, M)

    def within(self, radius: float) -> "SteihaugToint":
        return replace(self, radius=radius)

    def radius_after(self, solution: CGSolution, agreement: Agreement) -> float:
        if agreement.predicted == 0:
            return self.radius
        norm = torch.linalg.vector_norm(solution.iterates[solution.last]).item()
        if math.isnan(agreement.ratio) or agreement.ratio < self.low:
            return self.shrink * (min(norm, self.radius) if norm > 0 else self.radius)
        on_the_sphere = norm > (1 - 1e-3) * self.radius
        return (
            min(self.grow * self.radius, self.most)
            if agreement.ratio > self.high and on_the_sphere
            else self.radius
        )
