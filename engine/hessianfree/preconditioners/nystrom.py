"""The curvature's large eigenvalues as preconditioner."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from hessianfree.interfaces import LinearMap
from hessianfree.preconditioners import estimates
from hessianfree.records import Linearization, Preconditioning


@dataclass(frozen=True, kw_only=True)
class Nystrom:
    """The inverse of U L U' + l_r (I - U U') + damping, with B's randomized Nystroem approximation U L U' of `rank` r.

    L holds r estimates of B's largest eigenvalues, l_r the smallest of them [Frangella, Tropp & Udell 2023, 5]. CG
    then needs as many iterations as the rest of the spectrum asks for: it pays where a few eigenvalues stand out, and B
    is positive semidefinite. The paper has a damping that is one number; here it may differ between parameters.

    `every` steps the approximation is renewed, at `rank` products. Holds 2 r vectors, of which r are saved with the
    optimizer; applying it costs as much as 4 r dots.
    """

    rank: int = 20
    every: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("rank", self.rank), ("every", self.every)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1; got {value}")

    def __call__(
        self, here: Linearization, damping: float | Tensor, memory: Mapping[str, Tensor] | None
    ) -> Preconditioning:
        call = estimates.call_number(memory)
        products = 0
        if memory is None or call % self.every == 0:
            generator = estimates.generator(here.gradient, self.seed, call)
            products = min(self.rank, here.gradient.numel())
            U, eigenvalues = approximation(here.curvature, here.gradient, products, generator)
        else:
            U, eigenvalues = memory["U"], memory["eigenvalues"]
        return Preconditioning(
            inverse=_inverse(U, eigenvalues, damping),
            memory={"calls": torch.tensor(call + 1), "U": U, "eigenvalues": eigenvalues},
            products=products,
        )


def approximation(B: LinearMap, like: Tensor, rank: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """U [P, rank] with orthonormal columns, and eigenvalues [rank], >= 0, descending; for vectors shaped as `like` [P].

    [Frangella, Tropp & Udell 2023, Algorithm 2.1]: B X (X'B X)^-1 X'B of a random orthonormal X, with B shifted by
    so much that its part in X can be factored, and the eigenvalues shifted back. An indefinite B needs a
    shift of the size of its negative eigenvalues. All zeros where a product is not finite.
    """
    X = torch.randn(like.numel(), rank, generator=generator, dtype=like.dtype, device=like.device)
    X, _ = torch.linalg.qr(X)
    Y = torch.stack([B(x) for x in X.T.contiguous()], dim=1)
    if not torch.isfinite(Y).all():
        return torch.zeros_like(Y), like.new_zeros(rank)
    core = (X.T @ Y).to("cpu", torch.float64)
    core = (core + core.T) / 2
    rounding = like.numel() ** 0.5 * torch.finfo(like.dtype).eps * torch.linalg.matrix_norm(Y).item()
    shift = max(rounding, rounding - 2 * torch.linalg.eigvalsh(core)[0].item())
    if shift == 0:  # B is zero
        return torch.zeros_like(Y), like.new_zeros(rank)
    core.diagonal().add_(shift)
    root = torch.linalg.cholesky(core).to(Y)
    half = torch.linalg.solve_triangular(root, (Y + shift * X).T, upper=False)
    U, singular, _ = torch.linalg.svd(half.T, full_matrices=False)
    return U, (singular**2 - shift).clamp(min=0)


def _inverse(U: Tensor, eigenvalues: Tensor, damping: float | Tensor) -> LinearMap:
    """Of U (L - l_r) U' + D with D = l_r + damping: D^-1 - W W' [Golub & Van Loan 2013, 2.1.4]."""
    largest, smallest = eigenvalues[0], eigenvalues[-1]
    D = torch.maximum(smallest + damping, estimates.least_divisor(largest))
    half = U * (eigenvalues - smallest).sqrt()
    scaled = (half.T / D).T
    core = torch.eye(len(eigenvalues)).to(U) + half.T @ scaled
    W = torch.linalg.solve_triangular(torch.linalg.cholesky(core), scaled.T, upper=False).T

    def precondition(vector: Tensor, /) -> Tensor:
        outstanding: Tensor = W @ (W.T @ vector)
        return vector / D - outstanding

    return precondition
