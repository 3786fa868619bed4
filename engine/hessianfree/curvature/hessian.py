"""The Hessian of the objective."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from hessianfree.interfaces import FlatView


class Hessian:
    """v -> H v, with H the Hessian of the loss in the trainable parameters.

    The gradient's own graph is built once; each product differentiates `gradient @ v` through it (reverse over
    reverse, [Pearlmutter 1994] in its modern form). H is symmetric but may be indefinite.
    """

    product_cost: ClassVar[float] = 2.0

    def __init__(self, loss: Tensor, outputs: Any, parameters: FlatView) -> None:
        """`loss`: one element, with its graph. `outputs` are not needed and may be None."""
        del outputs
        self._parameters = parameters
        self._gradient = torch.autograd.grad(loss, parameters.tensors, create_graph=True, allow_unused=True)
        # A gradient that does not depend on the parameters (a loss linear in them) has no graph: its rows of H are 0.
        self._curved = [i for i, g in enumerate(self._gradient) if g is not None and g.requires_grad]

    def gradient(self) -> Tensor:
        """Gradient of the loss, [P]."""
        return self._parameters.flatten(self._gradient)

    def __call__(self, vector: Tensor, /) -> Tensor:
        parts = self._parameters.split(vector)
        if not self._curved:
            return torch.zeros_like(vector)
        product = torch.autograd.grad(
            [self._gradient[i] for i in self._curved],
            self._parameters.tensors,
            grad_outputs=[parts[i] for i in self._curved],
            retain_graph=True,
            allow_unused=True,
        )
        return self._parameters.flatten(product)
