"""Damping of changes in what a model computes on the way, the hidden states of a recurrent net above all."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from hessianfree.curvature.loss_hessian import tensors_of
from hessianfree.errors import ClosureError


def squared_distance(now: Tensor, start: Tensor) -> Tensor:
    """Half the sum of squares: D is the identity."""
    return 0.5 * (now - start).square().sum()


def logistic_distance(now: Tensor, start: Tensor) -> Tensor:
    """Cross-entropy between logistic units with these inputs, summed: D is p (1 - p), for each unit's p.

    The distance that matches units which saturate: there D lets them move. tanh units have it at twice their inputs.
    """
    return functional.binary_cross_entropy_with_logits(now, torch.sigmoid(start), reduction="sum")


@dataclass(frozen=True, kw_only=True)
class StructuralDamping:
    """Adds weight * damping * J_h' D J_h to the curvature [Martens & Sutskever 2011].

    h are tensors that the model computes on the way, J_h [H, P] their Jacobian in the parameters, D [H, H] the Hessian
    of a distance at none. Small steps in the parameters of a recurrent net may change its hidden states much, further
    than any quadratic model of the loss holds; Tikhonov damping does not see that, and this does.

    It is a term of the loss, the distance of h from what h is at the parameters, where its value and its slope are 0:
    loss and gradient stay, and the Gauss-Newton matrix as well as the Hessian gain J_h' D J_h. It costs no product,
    since the way to h lies within the way to the outputs.

    `of` picks h from the model's outputs: a tensor, or tuples, lists and dicts of them, that are among the outputs or
    computed from them. `distance(now, start)` is a sum over all entries; `cases` is the dimension over whose entries
    the loss is a mean, None where it is a sum.
    """

    of: Callable[[Any], Any]
    weight: float = 1.0
    distance: Callable[[Tensor, Tensor], Tensor] = squared_distance
    cases: int | None = 0

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf:
            raise ValueError(f"weight must be >= 0 and finite; got {self.weight}")

    def in_closure(
        self, forward: Callable[[], tuple[Tensor, Any]], damping: float
    ) -> Callable[[], tuple[Tensor, Any]]:
        """`forward()` answering `(loss, outputs)`, with the term in its loss."""

        def structured() -> tuple[Tensor, Any]:
            loss, outputs = forward()
            return self.added(loss, outputs, damping), outputs

        return structured

    def in_loss(
        self, loss_function: Callable[[Any, Any], Tensor], damping: float
    ) -> Callable[[Any, Any], Tensor]:
        """`loss_function(outputs, targets)` with the term in it."""
        return lambda outputs, targets: self.added(loss_function(outputs, targets), outputs, damping)

    def added(self, loss: Tensor, outputs: Any, damping: float) -> Tensor:
        """`loss` with the term at `damping`; without a graph, where nothing can be gained, `loss` itself.

        Raises:
            ClosureError: `of` picked no tensor that depends on the parameters.
        """
        if not torch.is_grad_enabled():
            return loss
        hidden = [tensor for tensor in tensors_of(self.of(outputs)) if tensor.requires_grad]
        if not hidden:
            raise ClosureError("`of` of structural damping picked no tensor that depends on a parameter")
        change = loss.new_zeros(())
        for tensor in hidden:
            cases = 1 if self.cases is None else tensor.shape[self.cases]
            change = change + self.distance(tensor, tensor.detach()) / cases
        # A tensor, not a number: products replayed from a recording look for what changes from step to step in tensors.
        scale = loss.new_tensor(self.weight * damping)
        return loss + scale * (change - change.detach())
