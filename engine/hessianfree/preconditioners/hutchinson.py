"""The diagonal of the curvature as preconditioner, estimated from products alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from hessianfree.preconditioners import estimates
from hessianfree.preconditioners.empirical_fisher import EXPONENT, diag_to_preconditioner
from hessianfree.records import Linearization, Preconditioning


@dataclass(frozen=True, kw_only=True)
class HutchinsonDiagonal:
    """(|d| + damping)^-exponent, with d an estimate of the diagonal of B [Bekas, Kokiopoulou & Saad 2007].

    d is the mean of v * Bv over `probes` vectors v of random signs. Entry i is off by the root of
    sum_{j != i} B_ij^2 / probes, on average: a diagonal that is small beside its row is not seen, and where noise or
    an indefinite B make an entry negative its magnitude counts. [Chapelle & Erhan 2011] estimate the diagonal of a
    Gauss-Newton matrix with less noise, from signs on the outputs, which a curvature product does not give access to.

    `every` steps the estimate is renewed, at `probes` products; the older ones keep the weight `decay` in it.
    """

    probes: int = 10
    every: int = 1
    decay: float = 0.0
    exponent: float = EXPONENT
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("probes", self.probes), ("every", self.every)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1; got {value}")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be in [0, 1); got {self.decay}")
        if not self.exponent > 0:
            raise ValueError(f"exponent must be above 0; got {self.exponent}")

    def __call__(
        self, here: Linearization, damping: float | Tensor, memory: Mapping[str, Tensor] | None
    ) -> Preconditioning:
        call = estimates.call_number(memory)
        renew = memory is None or call % self.every == 0
        diagonal = self._renewed(here, call, memory) if memory is None or renew else memory["diagonal"]
        magnitude = diagonal.abs()
        magnitude.clamp_(min=estimates.least_divisor(magnitude.max()))
        return Preconditioning(
            inverse=diag_to_preconditioner(magnitude, damping, self.exponent),
            memory={"calls": torch.tensor(call + 1), "diagonal": diagonal},
            products=self.probes if renew else 0,
        )

    def _renewed(self, here: Linearization, call: int, memory: Mapping[str, Tensor] | None) -> Tensor:
        generator = estimates.generator(here.gradient, self.seed, call)
        total = torch.zeros_like(here.gradient)
        for _ in range(self.probes):
            v = estimates.signs(here.gradient, generator)
            total.addcmul_(v, here.curvature(v))
        estimate = total / self.probes
        return estimate if memory is None else torch.lerp(estimate, memory["diagonal"], self.decay)
