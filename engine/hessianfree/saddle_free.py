"""The absolute value of an indefinite curvature matrix."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from hessianfree.cg import storing_grid
from hessianfree.curvature.damped import Damped
from hessianfree.interfaces import LinearMap
from hessianfree.records import CGSolution
from hessianfree.stopping import Deadline


@dataclass(frozen=True, kw_only=True)
class SaddleFree:
    """Solves (|B| + damping) x = b in a Krylov space, |B| having the eigenvalues of B without their signs.

    Along negative curvature the step leads downhill, as far as its size allows, where Newton's leads up to the saddle
    [Dauphin et al. 2014, 6]. As there, B is reduced to the Krylov space of `iterations` products from b, where it is a
    small matrix T; where B is positive definite this gives CG's iterates. The damping stays outside the magnitude, so
    that it always shortens the step. B is known from a `Damped` matrix; any other is taken as undamped.

    A preconditioner M leads to the Krylov space of MB from Mb, which may hold more of the solution; T is B in it, all
    the same. Every vector is made orthogonal to all before it, twice, since what rounding brings back would count
    again. Holds `iterations` vectors. At the `deadline` the space is left as it is, perhaps empty. A start is left
    aside: use it with `Method(warm_start=0)`.
    """

    iterations: int = 30
    deadline: Deadline | None = None

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise ValueError(f"iterations must be at least 1; got {self.iterations}")

    def solve(
        self, A: LinearMap, b: Tensor, x0: Tensor | None = None, M: LinearMap | None = None
    ) -> CGSolution:
        """The solutions in the Krylov spaces of dimension 0, 1, ...; the trace has no residuals and coefficients.

        `negative_curvature` is the lowest Ritz value of A, if it is not positive.
        """
        del x0
        B, damping = (A.curvature, A.damping) if isinstance(A, Damped) else (A, 0.0)
        basis, T, reason, products = self._krylov_space(B, b, M)
        D = (basis @ (damping * basis).T).to("cpu", torch.float64)
        along_b = (basis @ b).to("cpu", torch.float64)
        coefficients = [_in_space(T[:k, :k], D[:k, :k], along_b[:k]) for k in range(1, len(T) + 1)]
        values = [
            (0.5 * y @ (T + D)[: len(y), : len(y)] @ y - along_b[: len(y)] @ y).item() for y in coefficients
        ]
        last = len(coefficients)
        iterates = {
            k: coefficients[k - 1].to(b) @ basis[:k] if k else torch.zeros_like(b)
            for k in sorted({last, *storing_grid(self.iterations)})
            if k <= last
        }
        lowest = torch.linalg.eigvalsh(T + D)[0].item() if last else 1.0
        return CGSolution(
            iterates=iterates,
            last=last,
            model_values=(0.0, *values),
            residual_norms=(),
            alphas=(),
            betas=(),
            reason=reason,
            products=products,
            negative_curvature=lowest if lowest <= 0 else None,
        )

    def _krylov_space(self, B: LinearMap, b: Tensor, M: LinearMap | None) -> tuple[Tensor, Tensor, str, int]:
        """An orthonormal basis V [k, P], V B V' [k, k] in float64 on the host, why it ends there, products made."""
        most = min(self.iterations, b.numel())
        V = b.new_zeros((most, b.numel()))
        T = torch.zeros((most, most), dtype=torch.float64)
        v = b if M is None else M(b)
        largest = torch.linalg.vector_norm(v).item()
        norm = largest
        for k in range(most):
            if norm <= 10 * torch.finfo(b.dtype).eps * largest:
                return V[:k], T[:k, :k], "Convergence (Krylov space)", k
            if self.deadline is not None and self.deadline.is_over:
                return V[:k], T[:k, :k], "Deadline", k
            V[k] = v / norm
            product = B(V[k])
            w = product if M is None else M(product)
            before = V[: k + 1]
            v = w - before.T @ (before @ w)
            v -= before.T @ (before @ v)
            *column, norm, size = torch.cat(
                [before @ product, torch.stack([torch.linalg.vector_norm(v), torch.linalg.vector_norm(w)])]
            ).tolist()
            if not all(map(math.isfinite, column)):
                return V[:k], T[:k, :k], "Divergence", k + 1
            T[k, : k + 1] = T[: k + 1, k] = torch.tensor(column, dtype=torch.float64)
            largest = max(largest if k else 0.0, size)
        return V, T, "Number of iterations" if most < b.numel() else "Convergence (Krylov space)", most


def _in_space(T: Tensor, D: Tensor, c: Tensor) -> Tensor:
    """(|T| + D)^-1 c. An eigenvalue of zero counts as the smallest number beside the largest: D may be zero, too."""
    eigenvalues, vectors = torch.linalg.eigh(T)
    size = eigenvalues.abs()
    size = size.clamp(min=max(size.max().item() * torch.finfo(size.dtype).eps, torch.finfo(size.dtype).tiny))
    solution: Tensor = torch.linalg.solve((vectors * size) @ vectors.T + D, c)
    return solution
