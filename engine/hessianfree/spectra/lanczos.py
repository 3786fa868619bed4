"""The Lanczos iteration."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from hessianfree.errors import ClosureError
from hessianfree.interfaces import LinearMap


@dataclass(frozen=True, kw_only=True)
class Tridiagonal:
    """A symmetric A in the basis of a Krylov space of dimension k: its diagonal and what stands beside it.

    The last of `beside` leads out of the space; 0 there: the space is invariant, and Ritz values are eigenvalues.
    """

    diagonal: tuple[float, ...]  # k
    beside: tuple[float, ...]  # k, >= 0

    @property
    def ritz_values(self) -> Tensor:
        """[k], ascending, float64."""
        return self._eigen[0]

    @property
    def weights(self) -> Tensor:
        """[k]: how much of the start, squared and as a share, lies along each Ritz vector; they add up to 1."""
        return self._eigen[1][0].square()

    @property
    def errors(self) -> Tensor:
        """[k]: an eigenvalue of A lies within so much of each Ritz value [Golub & Van Loan 2013, 10.1.4]."""
        return self.beside[-1] * self._eigen[1][-1].abs()

    @cached_property
    def _eigen(self) -> tuple[Tensor, Tensor]:
        below = torch.diag(torch.tensor(self.beside[:-1], dtype=torch.float64), -1)
        # Of a symmetric matrix, eigh reads the lower triangle alone.
        values, vectors = torch.linalg.eigh(
            torch.diag(torch.tensor(self.diagonal, dtype=torch.float64)) + below
        )
        return values, vectors


def lanczos(A: LinearMap, start: Tensor, iterations: int) -> Tridiagonal:
    """At most `iterations` products from `start` [P], not zero; fewer where its Krylov space is smaller.

    Unlike the textbook's three-term recurrence, every vector is made orthogonal to all before it, twice: rounding would
    bring found eigenvectors back, and each eigenvalue with them several times. Keeps iterations * P numbers.

    Raises:
        ClosureError: a product is not finite.
    """
    basis = start.new_empty((min(iterations, start.numel()), start.numel()))
    basis[0] = start / torch.linalg.vector_norm(start)
    diagonal: list[float] = []
    beside: list[float] = []
    largest = 0.0
    for i in range(len(basis)):
        w = A(basis[i])
        before = basis[: i + 1]
        along = before @ w
        w = w - before.T @ along
        w -= before.T @ (before @ w)
        alpha, beta = torch.stack([along[i], torch.linalg.vector_norm(w)]).tolist()
        if not (math.isfinite(alpha) and math.isfinite(beta)):
            raise ClosureError(f"curvature product {i + 1} of a Lanczos iteration is not finite")
        diagonal.append(alpha)
        largest = max(largest, abs(alpha), beta)
        if i + 1 == start.numel() or beta <= 10 * torch.finfo(start.dtype).eps * largest:
            beside.append(0.0)
            break
        beside.append(beta)
        if i + 1 < len(basis):
            basis[i + 1] = w / beta
    return Tridiagonal(diagonal=tuple(diagonal), beside=tuple(beside))
