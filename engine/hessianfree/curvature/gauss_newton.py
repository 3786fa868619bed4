"""The generalized Gauss-Newton matrix."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from hessianfree.curvature.loss_hessian import LossHessian
from hessianfree.errors import ClosureError
from hessianfree.interfaces import FlatView


class GaussNewton:
    """v -> J' H_L J v [Schraudolph 2002; Martens 2010, 4.2].

    J [O, P] is the Jacobian of the model's outputs in the trainable parameters, H_L [O, O] the Hessian of the loss as a
    function of the outputs (see LossHessian). Positive semidefinite where the loss is convex in the outputs.

    Forward mode comes from two reverse passes: w -> J'w is linear in w, so its graph, built once, gives J v as the
    derivative of (J'w)'v in w. Built at the slope of the loss it is the gradient, too. A product costs three backward
    passes through graphs that are never rebuilt.
    """

    product_cost: ClassVar[float] = 4 / 3

    def __init__(self, loss: Tensor, outputs: Any, parameters: FlatView) -> None:
        """As LossHessian, whose errors it raises."""
        self._parameters = parameters
        self._loss_hessian = LossHessian(loss, outputs, parameters)
        arguments = self._loss_hessian.arguments
        self._w = [slope.detach().requires_grad_() for slope in self._loss_hessian.slopes]
        self._back = torch.autograd.grad(  # J'w, differentiable in w
            arguments, parameters.tensors, grad_outputs=self._w, create_graph=True, allow_unused=True
        )
        self._used = [i for i, part in enumerate(self._back) if part is not None and part.requires_grad]
        if not self._used:
            raise ClosureError("the outputs that forward() answered depend on no trainable parameter")

    def gradient(self) -> Tensor:
        """Gradient of the loss, [P]; includes what the loss owes to the parameters directly."""
        parts = list(self._back)
        for i, slope in self._loss_hessian.direct_slopes:
            through_outputs = parts[i]
            parts[i] = slope if through_outputs is None else through_outputs + slope
        return self._parameters.flatten(parts)

    def __call__(self, vector: Tensor, /) -> Tensor:
        if self._loss_hessian.is_zero:
            return torch.zeros_like(vector)
        parts = self._parameters.split(vector)
        tangents = torch.autograd.grad(
            [self._back[i] for i in self._used],
            self._w,
            grad_outputs=[parts[i] for i in self._used],
            retain_graph=True,
            allow_unused=True,
        )
        return self._loss_hessian.pull_back(tangents, vector)
