"""The diagonal of the Gauss-Newton matrix from random slopes at the model's outputs."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hessianfree.curvature.damped import Damped
from hessianfree.curvature.loss_hessian import LossHessian
from hessianfree.preconditioners import estimates
from hessianfree.preconditioners.diagonal import Estimate, EstimatedDiagonal
from hessianfree.preconditioners.output_samples import sample
from hessianfree.records import Linearization


@dataclass(frozen=True, kw_only=True)
class GaussNewtonDiagonal(EstimatedDiagonal):
    """From the mean of (J'u)^2 over `probes` random u with E[u u'] = H_L [Chapelle & Erhan 2011].

    An entry is off by about its own size times the root of 2 / probes, however large its row; and none is negative.
    Costs a forward pass, and a backward pass a probe: half a product. With the Hessian it is the diagonal of the
    Gauss-Newton matrix, all the same. What a loss owes to parameters directly is not in it.
    """

    probes: int = 5

    def estimate(self, here: Linearization, generator: torch.Generator) -> Estimate:
        if not here.passes:
            raise ValueError(
                "GaussNewtonDiagonal needs forward passes; this objective's linearization has none"
            )
        own = estimates.own_generator(generator, here.ranks.rank)

        def add_passes(diagonal: Tensor) -> None:
            for forward in here.passes:
                with torch.enable_grad():
                    loss, outputs = forward.run()
                hessian = LossHessian(loss, outputs, forward.parameters)
                for _ in range(self.probes):
                    slopes = torch.autograd.grad(
                        hessian.arguments,
                        forward.parameters.tensors,
                        grad_outputs=sample(hessian, forward.weight, own),
                        retain_graph=True,
                        allow_unused=True,
                    )
                    diagonal += forward.parameters.flatten(slopes).square() / self.probes

        diagonal = here.ranks.pool("Gauss-Newton diagonal", here.gradient, add_passes)
        if isinstance(here.curvature, Damped):  # by weight decay, which the passes' losses do not have
            diagonal += here.curvature.damping
        # A forward pass is a quarter of a Gauss-Newton product, a backward pass half of one.
        return Estimate(diagonal=diagonal, cost=(1 + 2 * self.probes) / 4 * here.product_cost)
