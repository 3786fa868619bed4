"""The generalized Gauss-Newton matrix."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from hessianfree.errors import ClosureError
from hessianfree.interfaces import FlatView


class GaussNewton:
    """v -> J' H_L J v [Schraudolph 2002; Martens 2010, 4.2].

    J [O, P] is the Jacobian of the model's outputs in the trainable parameters, H_L [O, O] the Hessian of the loss in
    the outputs. Positive semidefinite where the loss is convex in the outputs.

    Forward mode comes from two reverse passes: w -> J'w is linear in a dummy w, so its graph, built once, gives J v as
    the derivative of (J'w)'v in w. A product then costs three backward passes through graphs that are never rebuilt.
    """

    product_cost: ClassVar[float] = 4 / 3

    def __init__(self, loss: Tensor, outputs: Any, parameters: FlatView) -> None:
        """`loss` (one element) and `outputs` (a tensor, any shape), both with their graphs.

        Raises:
            ClosureError: `outputs` is not a tensor, or depends on no trainable parameter, or `loss` not on it.
        """
        if not isinstance(outputs, Tensor):
            raise ClosureError(
                f"the Gauss-Newton matrix needs the model's outputs as one tensor; forward() answered "
                f'{type(outputs).__name__}. Return (loss, outputs), or use curvature_opt="hessian"'
            )
        if not outputs.requires_grad:
            raise ClosureError("the outputs that forward() answered depend on no trainable parameter")
        self._loss, self._outputs, self._parameters = loss, outputs, parameters
        (slope,) = torch.autograd.grad(loss, outputs, create_graph=True, allow_unused=True)
        if slope is None:
            raise ClosureError("the loss that forward() answered does not depend on the outputs it answered")
        self._loss_slope = slope  # dL/d outputs, differentiable in the outputs
        self._w = torch.zeros_like(outputs, requires_grad=True)
        self._back = torch.autograd.grad(  # J'w, differentiable in w
            outputs, parameters.tensors, grad_outputs=self._w, create_graph=True, allow_unused=True
        )
        self._used = [i for i, part in enumerate(self._back) if part is not None]

    def gradient(self) -> Tensor:
        """Gradient of the loss, [P]; includes what the loss owes to the parameters directly."""
        return self._parameters.flatten(
            torch.autograd.grad(self._loss, self._parameters.tensors, retain_graph=True, allow_unused=True)
        )

    def __call__(self, vector: Tensor, /) -> Tensor:
        if not self._loss_slope.requires_grad:  # a loss linear in the outputs: H_L = 0
            return torch.zeros_like(vector)
        parts = self._parameters.split(vector)
        (jacobian_v,) = torch.autograd.grad(
            [self._back[i] for i in self._used],
            self._w,
            grad_outputs=[parts[i] for i in self._used],
            retain_graph=True,
        )
        (loss_hessian_v,) = torch.autograd.grad(
            self._loss_slope, self._outputs, grad_outputs=jacobian_v, retain_graph=True, allow_unused=True
        )
        if loss_hessian_v is None:
            return torch.zeros_like(vector)
        product = torch.autograd.grad(
            self._outputs,
            self._parameters.tensors,
            grad_outputs=loss_hessian_v,
            retain_graph=True,
            allow_unused=True,
        )
        return self._parameters.flatten(product)
