"""The diagonal of the curvature from products alone."""

from dataclasses import dataclass

import torch

from hessianfree.preconditioners import estimates
from hessianfree.preconditioners.diagonal import Estimate, EstimatedDiagonal
from hessianfree.records import Linearization


@dataclass(frozen=True, kw_only=True)
class HutchinsonDiagonal(EstimatedDiagonal):
    """From the mean of v * Bv over `probes` vectors v of random signs [Bekas, Kokiopoulou & Saad 2007].

    Entry i is off by the root of sum_{j != i} B_ij^2 / probes, on average: a diagonal that is small beside its row is
    not seen. Costs a product a probe. For any curvature; that of a Gauss-Newton matrix has less noise in
    GaussNewtonDiagonal.
    """

    def estimate(self, here: Linearization, generator: torch.Generator) -> Estimate:
        total = torch.zeros_like(here.gradient)
        for _ in range(self.probes):
            v = estimates.signs(here.gradient, generator)
            total.addcmul_(v, here.curvature(v))
        return Estimate(diagonal=total / self.probes, products=self.probes)
