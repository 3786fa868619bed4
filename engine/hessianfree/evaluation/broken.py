"""Custom autograd functions whose backward pass loses the graph: derivatives of it would be silently wrong."""

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node

# The node that `once_differentiable` leaves. It is connected to nothing: autograd passes it by where it is not needed.
_REFUSAL = "torch::autograd::Error"


def watch_custom_functions(nodes: Iterable[Node], report: Callable[[Any], None]) -> None:
    """Call `report(node)` when a custom function among `nodes` is found to answer gradients without their graph.

    Every node is looked at when a backward pass with `create_graph=True` runs through it; others cost nothing.
    """
    for node in nodes:
        if isinstance(node, BackwardCFunction):
            node.register_hook(_Check(weakref.ref(node), report))  # the node owns the hook: no cycle


class _Check:
    """A hook on one node. Backward passes are linear in what arrives: an answer that is not, has lost its graph."""

    def __init__(self, node: Callable[[], Any], report: Callable[[Any], None]) -> None:
        self._node, self._report = node, report

    def __call__(self, answered: Sequence[Tensor | None], arrived: Sequence[Tensor | None]) -> None:
        if not torch.is_grad_enabled() or not any(map(_is_cut_off, answered)):
            return
        # Perhaps what arrived needs no gradient, as at the loss itself, or is zero: ask again with what is neither.
        again = self._node().apply(
            *(
                None if gradient is None else torch.ones_like(gradient, requires_grad=True)
                for gradient in arrived
            )
        )
        # Zeros for ones are what a step function answers; it has nothing to lose.
        if any(_is_cut_off(gradient) and bool(gradient.any()) for gradient in _flat(again)):
            self._report(self._node())


def _is_cut_off(gradient: Tensor | None) -> bool:
    if gradient is None:
        return False
    if gradient.grad_fn is not None:
        return gradient.grad_fn.name() == _REFUSAL
    return not gradient.requires_grad


def _flat(answer: Any) -> list[Tensor]:
    answers = answer if isinstance(answer, tuple) else (answer,)
    return [gradient for gradient in answers if gradient is not None]
