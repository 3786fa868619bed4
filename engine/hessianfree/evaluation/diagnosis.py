"""Which layer cannot be differentiated twice. Runs on the way to an error, never in a step that works."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from hessianfree.errors import NotTwiceDifferentiableError
from hessianfree.evaluation.broken import watch_custom_functions
from hessianfree.graph import nodes_below

# What torch says of a second derivative that does not exist.
_COMPLAINT = re.compile(r"derivative for .* is not implemented|differentiate twice|[Dd]ouble backward")
# Nodes that stand for a missing second derivative in the graph of a backward pass.
_MISSING = ("torch::autograd::NotImplemented", "torch::autograd::Error")
# A compiled part's forward node. Its backward has a node like others, which raises when it is differentiated.
_COMPILED = "CompiledFunctionBackward"


def is_about_second_derivatives(error: BaseException | None) -> bool:
    """Whether `error` complains that something cannot be differentiated twice."""
    return isinstance(error, NotTwiceDifferentiableError) or (
        isinstance(error, RuntimeError) and _COMPLAINT.search(str(error)) is not None
    )


def explanation(forward: Callable[[], tuple[Tensor, Any]]) -> NotTwiceDifferentiableError | None:
    """Run `forward` again and find the node to blame, and the layer that made it; None: it could not be found."""
    with warnings.catch_warnings(), torch.enable_grad(), _Calls() as calls:
        warnings.simplefilter("ignore")  # torch warns that this is slow
        with torch.autograd.set_detect_anomaly(True, check_nan=False):
            loss = forward()[0]
            node = _to_blame(loss)
    if node is None:
        return None
    name, layer = node.name(), calls.layer_of(node)
    return NotTwiceDifferentiableError(
        f"{layer} cannot be differentiated twice: there is no derivative of {name}. Write it in torch operations "
        "that have second derivatives (uncompiled, without once_differentiable or detached tensors in a backward "
        "pass), freeze it and all before it, or give step() a product `mvp`"
    )


def _to_blame(loss: Tensor) -> Node | None:
    """The first node found below `loss` whose backward pass has no derivative."""
    broken: list[Node] = []
    below = nodes_below(loss)
    watch_custom_functions(below, broken.append)
    leaves = [node.variable for node in below if hasattr(node, "variable")]
    try:
        gradients = torch.autograd.grad(
            loss,
            leaves,
            grad_outputs=torch.ones_like(loss, requires_grad=True),
            create_graph=True,
            allow_unused=True,
        )
    except RuntimeError:  # even the first backward pass: whoever is explained raised something better
        return None
    broken.extend(node for node in below if node.name() == _COMPILED)
    for gradient in gradients:
        if gradient is not None:
            missing: list[Any] = [node for node in nodes_below(gradient) if node.name() in _MISSING]
            # The anomaly mode notes in whose backward pass a node was made.
            broken.extend(node.metadata["parent_"] for node in missing if "parent_" in node.metadata)
    return broken[0] if broken else None


@dataclass(kw_only=True)
class _Call:
    """A module's forward pass, and the numbers of the nodes that autograd made during it."""

    label: str
    first: int
    end: int | None = None


class _Calls:
    """Notes which module made which nodes, by hooks on all modules while it is entered."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._running: list[_Call] = []
        self._names: dict[nn.Module, str] = {}

    def __enter__(self) -> "_Calls":
        self._hooks = [
            register_module_forward_pre_hook(self._begin),
            register_module_forward_hook(self._end, always_call=True),
        ]
        return self

    def __exit__(self, *exception: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def layer_of(self, node: Node) -> str:
        """The innermost module during whose call `node` was made, by its qualified name and class."""
        number = getattr(node, "_sequence_nr", lambda: None)()
        if number is None or not hasattr(torch.autograd, "_get_sequence_nr"):
            return "The model"
        holding = [call for call in self._calls if call.first <= number < (call.end or number)]
        return holding[-1].label if holding else "Something that the closure computes outside of all modules"

    def _begin(self, module: nn.Module, arguments: Any) -> None:
        del arguments
        if torch.compiler.is_compiling():
            return
        if not self._running:  # names are those within the outermost module that the closure calls
            self._names = {inner: name for name, inner in module.named_modules()}
        name, kind = self._names.get(module, ""), type(module).__name__
        call = _Call(label=f"{name} ({kind})" if name else kind, first=_next_number())
        self._calls.append(call)
        self._running.append(call)

    def _end(self, module: nn.Module, arguments: Any, answer: Any) -> None:
        del module, arguments, answer
        if torch.compiler.is_compiling():
            return
        self._running.pop().end = _next_number()


def _next_number() -> int:
    """The number of the node that autograd makes next in this thread."""
    peek: Callable[[], int] = getattr(torch.autograd, "_get_sequence_nr", lambda: 0)
    return peek()
