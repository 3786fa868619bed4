"""What the Gauss-Newton matrix owes to the loss: its Hessian in the outputs, and the way back from there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from hessianfree.errors import ClosureError
from hessianfree.graph import edge_of, edges_below
from hessianfree.interfaces import FlatView


def tensors_of(outputs: Any) -> list[Tensor]:
    """The tensors among outputs of any form, in a fixed order."""
    return [leaf for leaf in tree_leaves(outputs) if isinstance(leaf, Tensor)]


class LossHessian:
    """J v -> J' H_L J v, for the Jacobian J [O, P] of the outputs and the loss's Hessian H_L [O, O] in them.

    The outputs are all tensors that `outputs` holds and the loss uses, O entries together. One may be computed from
    another: H_L takes each as an argument of its own. Parameters that the loss uses otherwise than through the
    outputs (a penalty on the weights) count as outputs too, so that the Hessian of that part is in the matrix.

    With s the slope of the loss in the outputs, J' H_L u is the derivative of s'u in the parameters.
    """

    def __init__(self, loss: Tensor, outputs: Any, parameters: FlatView) -> None:
        """`loss` (one element) and `outputs` (a tensor of any shape, or tuples, lists and dicts of them).

        Entries of `outputs` that are no tensors, or depend on no parameter, are passed over.

        Raises:
            ClosureError: no tensor is left, or the loss depends on none.
        """
        tensors = tensors_of(outputs)
        if not tensors:
            raise ClosureError(
                "the Gauss-Newton matrix needs the model's outputs, a tensor or tuples, lists and dicts of tensors; "
                f'forward() answered {type(outputs).__name__}. Return (loss, outputs), or use curvature_opt="hessian"'
            )
        # A leaf is no function of the parameters; one that is a parameter itself is found below.
        candidates = {edge_of(tensor): i for i, tensor in enumerate(tensors) if tensor.grad_fn is not None}
        if not candidates:
            raise ClosureError("the outputs that forward() answered depend on no trainable parameter")
        used = set(edges_below(loss, stops=candidates))
        self.places = [
            i for edge, i in candidates.items() if edge in used
        ]  # of the arguments, among `tensors_of`
        self.arguments = [tensors[i] for i in self.places]
        if not self.arguments:
            raise ClosureError("the loss that forward() answered does not depend on the outputs it answered")
        self._parameters = parameters
        self._direct = [i for i, p in enumerate(parameters.tensors) if edge_of(p) in used]
        self._slopes = _partial_gradients(loss, self.arguments, [parameters.tensors[i] for i in self._direct])

    @property
    def slopes(self) -> list[Tensor]:
        """Of the loss in each of the arguments, all others fixed."""
        return self._slopes[: len(self.arguments)]

    @property
    def direct_slopes(self) -> list[tuple[int, Tensor]]:
        """Of the loss in the parameters that it uses directly, with their numbers."""
        return list(zip(self._direct, self._slopes[len(self.arguments) :], strict=True))

    @property
    def is_zero(self) -> bool:
        """Whether the loss is linear in the outputs."""
        return not any(slope.requires_grad for slope in self._slopes)

    def in_outputs(self, tangents: Sequence[Tensor]) -> list[Tensor]:
        """The product of H_L with vectors shaped like `arguments`; the loss's direct use of parameters is left out."""
        curved = [
            (slope, tangent)
            for slope, tangent in zip(self.slopes, tangents, strict=True)
            if slope.requires_grad
        ]
        if not curved:
            return [torch.zeros_like(argument) for argument in self.arguments]
        with _cut_at(self.arguments):
            products = torch.autograd.grad(
                [slope for slope, _ in curved],
                self.arguments,
                grad_outputs=[tangent for _, tangent in curved],
                retain_graph=True,
                materialize_grads=True,
            )
        return list(products)

    def pull_back(self, tangents: Sequence[Tensor | None], vector: Tensor) -> Tensor:
        """The product with `vector` [P], for the parts of J v that belong to `arguments`; None stands for zeros."""
        parts = self._parameters.split(vector)
        curved = [
            (slope, tangent)
            for slope, tangent in zip(
                self._slopes, [*tangents, *(parts[i] for i in self._direct)], strict=True
            )
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
    with _cut_at(outputs):
        return list(torch.autograd.grad(loss, [*outputs, *direct], create_graph=True))


@contextmanager
def _cut_at(outputs: Sequence[Tensor]) -> Iterator[None]:
    """Inside, a backward pass takes down the gradients that arrive at `outputs`, and goes on from there with zeros."""
    cut: dict[Any, set[int]] = {}
    for node, output in map(edge_of, outputs):
        cut.setdefault(node, set()).add(output)
    hooks = [node.register_prehook(_Cut(held)) for node, held in cut.items()]
    try:
        yield
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
