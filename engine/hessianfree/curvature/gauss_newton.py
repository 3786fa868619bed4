"""The generalized Gauss-Newton matrix."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from hessianfree.errors import ClosureError
from hessianfree.graph import edge_of, edges_below
from hessianfree.interfaces import FlatView


class GaussNewton:
    """v -> J' H_L J v [Schraudolph 2002; Martens 2010, 4.2].

    J [O, P] is the Jacobian of the model's outputs in the trainable parameters, H_L [O, O] the Hessian of the loss as a
    function of the outputs. Positive semidefinite where the loss is convex in the outputs.

    The outputs are all tensors that `outputs` holds and the loss uses, O entries together. One may be computed from
    another: H_L takes each as an argument of its own. Parameters that the loss uses otherwise than through the
    outputs (a penalty on the weights) count as outputs too, so that the Hessian of that part is in the matrix.

    Forward mode comes from two reverse passes: w -> J'w is linear in a dummy w, so its graph, built once, gives J v as
    the derivative of (J'w)'v in w. With s the slope of the loss in the outputs, J' H_L u is the derivative of s'u in
    the parameters. A product costs three backward passes through graphs that are never rebuilt.
    """

    product_cost: ClassVar[float] = 4 / 3

    def __init__(self, loss: Tensor, outputs: Any, parameters: FlatView) -> None:
        """`loss` (one element) and `outputs` (a tensor of any shape, or tuples, lists and dicts of them).

        Entries of `outputs` that are no tensors, or depend on no parameter, are passed over.

        Raises:
            ClosureError: no tensor is left, or the loss depends on none.
        """
        tensors = [leaf for leaf in tree_leaves(outputs) if isinstance(leaf, Tensor)]
        if not tensors:
            raise ClosureError(
                "the Gauss-Newton matrix needs the model's outputs, a tensor or tuples, lists and dicts of tensors; "
                f'forward() answered {type(outputs).__name__}. Return (loss, outputs), or use curvature_opt="hessian"'
            )
        # A leaf is no function of the parameters; one that is a parameter itself is found below.
        candidates = {edge_of(tensor): tensor for tensor in tensors if tensor.grad_fn is not None}
        if not candidates:
            raise ClosureError("the outputs that forward() answered depend on no trainable parameter")
        used = set(edges_below(loss, stops=candidates))
        self._loss, self._parameters = loss, parameters
        arguments = [tensor for edge, tensor in candidates.items() if edge in used]
        if not arguments:
            raise ClosureError("the loss that forward() answered does not depend on the outputs it answered")
        self._direct = [i for i, p in enumerate(parameters.tensors) if edge_of(p) in used]
        self._slopes = _partial_gradients(loss, arguments, [parameters.tensors[i] for i in self._direct])
        self._w = [torch.zeros_like(tensor, requires_grad=True) for tensor in arguments]
        self._back = torch.autograd.grad(  # J'w, differentiable in w
            arguments, parameters.tensors, grad_outputs=self._w, create_graph=True, allow_unused=True
        )
        self._used = [i for i, part in enumerate(self._back) if part is not None and part.requires_grad]
        if not self._used:
            raise ClosureError("the outputs that forward() answered depend on no trainable parameter")

    def gradient(self) -> Tensor:
        """Gradient of the loss, [P]; includes what the loss owes to the parameters directly."""
        return self._parameters.flatten(
            torch.autograd.grad(self._loss, self._parameters.tensors, retain_graph=True, allow_unused=True)
        )

    def __call__(self, vector: Tensor, /) -> Tensor:
        if not any(slope.requires_grad for slope in self._slopes):  # a loss linear in the outputs: H_L = 0
            return torch.zeros_like(vector)
        parts = self._parameters.split(vector)
        jacobian_v = torch.autograd.grad(
            [self._back[i] for i in self._used],
            self._w,
            grad_outputs=[parts[i] for i in self._used],
            retain_graph=True,
            allow_unused=True,
        )
        tangents = [*jacobian_v, *(parts[i] for i in self._direct)]
        curved = [
            (slope, tangent)
            for slope, tangent in zip(self._slopes, tangents, strict=True)
            if slope.requires_grad and tangent is not None
        ]
        if not curved:
            return torch.zeros_like(vector)
        product = torch.autograd.grad(
            [slope for slope, _ in curved],
            self._parameters.tensors,
            grad_outputs=[tangent for _, tangent in curved],
            retain_graph=True,
            allow_unused=True,
        )
        return self._parameters.flatten(product)


def _partial_gradients(loss: Tensor, outputs: Sequence[Tensor], direct: Sequence[Tensor]) -> list[Tensor]:
    """Slopes of the loss in `outputs` and `direct` parameters, each with all others fixed; differentiable.

    Autograd answers total derivatives: it would go on through one output to the others and to the parameters that
    it was computed from. Here only zeros go past an output. That costs a backward pass through the network, though
    no graph, once; a loss that uses one output and no parameter is spared it.
    """
    cut: dict[Any, set[int]] = {}
    for node, output in map(edge_of, outputs):
        cut.setdefault(node, set()).add(output)
    hooks = [node.register_prehook(_Cut(held)) for node, held in cut.items()]
    try:
        return list(torch.autograd.grad(loss, [*outputs, *direct], create_graph=True))
    finally:
        for hook in hooks:
            hook.remove()


class _Cut:
    """A hook that stops the gradients which arrive at some outputs of a node; they have been taken down by then."""

    def __init__(self, outputs: set[int]) -> None:
        self._outputs = outputs

    def __call__(self, arriving: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
        return tuple(
            torch.zeros_like(gradient) if i in self._outputs and gradient is not None else gradient
            for i, gradient in enumerate(arriving)
        )
