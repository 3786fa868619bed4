"""One function within a step."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from hessianfree.errors import NotTwiceDifferentiableError
from hessianfree.evaluation import diagnosis
from hessianfree.evaluation.broken import watch_custom_functions
from hessianfree.evaluation.buffers import Buffers, Contents
from hessianfree.evaluation.generators import Generators
from hessianfree.evaluation.paths import DifferentiablePaths
from hessianfree.graph import nodes_below

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class _Start:
    """What a forward pass depends on beside the parameters and the data, as it begins."""

    generators: tuple[Tensor, ...]
    buffers: Contents


class Evaluation:
    """Runs all forward passes of one step, so that they are evaluations of one function.

    Every pass over the same data begins with the random numbers (torch's default generators) and the buffers that its
    first pass began with; after the step both are where one pass over the data, the first, has left them. Modules
    are found by torch's hooks on all modules, while entered and in the thread that entered.

    When the `with` block is left by an exception, generators, buffers, training flags, backend flags and hooks are as
    before; an exception about second derivatives is replaced by one that names the layer.
    """

    def __init__(
        self, device: torch.device, paths: DifferentiablePaths, *, batch_norm: str = "batch"
    ) -> None:
        """`batch_norm`: "batch" leaves normalization layers to their mode; "frozen" has them use running statistics."""
        self._generators, self._buffers = Generators(device), Buffers()
        self._paths, self._freezes = paths, batch_norm == "frozen"
        self._starts: dict[int, _Start] = {}
        self._after: Contents = {}
        self._differentiated: tuple[Callable[[], tuple[Tensor, Any]], int] | None = None
        self._undo: dict[nn.Module, Callable[[], None]] = {}
        self._thread = threading.get_ident()

    def __enter__(self) -> "Evaluation":
        self._exits = ExitStack()
        self._exits.callback(self._undo_all)
        fast = torch.backends.mha.get_fastpath_enabled()  # another function: it zeroes what is padded
        self._exits.callback(torch.backends.mha.set_fastpath_enabled, fast)
        torch.backends.mha.set_fastpath_enabled(False)
        self._exits.enter_context(self._paths.attention_kernels())
        for hook in (
            register_module_forward_pre_hook(self._before_module),
            register_module_forward_hook(self._after_module, always_call=True),
        ):
            self._exits.callback(hook.remove)
        self._before = self._generators.states()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._exits:
            if error is None:
                self._buffers.keep(self._after)
                return
            self.undo()
            explained = self._explanation() if diagnosis.is_about_second_derivatives(error) else None
        if explained is not None:
            raise explained from error

    def run(self, forward: Callable[[], Answer], index: int = 0) -> Answer:
        """`forward()`, in the circumstances of the first pass over the data number `index`."""
        here = self._generators.states()
        first = index not in self._starts
        start = _Start(generators=here, buffers=self._after) if first else self._starts[index]
        self._generators.set(start.generators)
        self._buffers.begin(start.buffers)
        try:
            answer = forward()
        except BaseException:
            self._buffers.end()
            self._generators.set(here)
            raise
        left = self._buffers.end()
        if first:
            self._starts[index], self._after = start, left
            self._buffers.settle(left)
        else:
            self._generators.set(here)
        return answer

    def differentiable(self, forward: Callable[[], tuple[Tensor, Any]], index: int = 0) -> tuple[Tensor, Any]:
        """As `run`, with a graph that can be differentiated twice.

        Raises:
            NotTwiceDifferentiableError: later, when a derivative is taken that would be silently wrong.
        """
        self._differentiated = forward, index
        known = dict(self._starts), self._after, self._generators.states()
        with torch.enable_grad():
            loss, outputs = self.run(forward, index)
            if isinstance(loss, Tensor):
                nodes = nodes_below(loss)
                if self._paths.leave(nodes):
                    # As if the pass through the fused kernels had never been.
                    self._starts, self._after, generators = known
                    self._generators.set(generators)
                    self._exits.enter_context(self._paths.attention_kernels())
                    loss, outputs = self.run(forward, index)
                    nodes = nodes_below(loss)
                watch_custom_functions(nodes, _refuse)
        return loss, outputs

    def undo(self) -> None:
        """As if no pass had been: generators and buffers are, also afterwards, as when this was entered."""
        self._starts, self._after = {}, self._buffers.first()
        self._buffers.keep(self._after)
        self._generators.set(self._before)

    def _explanation(self) -> NotTwiceDifferentiableError | None:
        if self._differentiated is None:
            return None
        forward, index = self._differentiated
        try:
            return diagnosis.explanation(lambda: self.run(forward, index))
        finally:
            self.undo()

    def _before_module(self, module: nn.Module, arguments: Any) -> None:
        del arguments
        if torch.compiler.is_compiling():  # or the compiler would follow us into the hook
            return
        # Another thread's models are no concern of this step; but a backward pass may run a layer of ours again there.
        if module not in self._buffers:
            if threading.get_ident() != self._thread:
                return
            self._buffers.watch(module)
        if self._freezes and isinstance(module, _NormBase) and module.training:
            module.training = False
            self._undo[module] = lambda: setattr(module, "training", True)
        elif self._paths.goes_without_cudnn(module):
            torch.backends.cudnn.enabled = False
            self._undo[module] = _allow_cudnn

    def _after_module(self, module: nn.Module, arguments: Any, answer: Any) -> None:
        del arguments, answer
        if torch.compiler.is_compiling():
            return
        if undo := self._undo.pop(module, None):
            undo()

    def _undo_all(self) -> None:
        while self._undo:
            self._undo.popitem()[1]()


def _allow_cudnn() -> None:
    torch.backends.cudnn.enabled = True


def _refuse(node: Any) -> None:
    raise NotTwiceDifferentiableError(
        f"the model cannot be differentiated twice: the backward pass of {node.name()} loses the graph"
    )
