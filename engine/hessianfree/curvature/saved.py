"""What autograd saves for backward passes."""

from collections.abc import Sequence
from contextvars import ContextVar
from types import TracebackType

import torch
from torch import Tensor


class SavedTensors:
    """Lists the tensors that autograd saves inside the context, in the order in which it saves them."""

    # Autograd asks the innermost hooks alone; what an inner context saw is handed to the outer one at its end.
    _open: ContextVar["SavedTensors | None"] = ContextVar("open SavedTensors", default=None)

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self._hook = _Hook()
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._hook, lambda tensor: tensor)
        self._outer: SavedTensors | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of their storages, each counted once; saved parameters among them. Sparse tensors have none."""
        dense = [t for t in self.tensors if t.layout is torch.strided]
        storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in dense}
        return sum(storages.values())

    @classmethod
    def so_far(cls) -> Sequence[Tensor]:
        """What the innermost open context has seen; nothing where none is open."""
        innermost = cls._open.get()
        return () if innermost is None else tuple(innermost.tensors)

    def __enter__(self) -> "SavedTensors":
        self._outer = self._open.get()
        self._open.set(self)
        self._hook.seen = self.tensors
        self._hooks.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hooks.__exit__(kind, error, trace)
        self._hook.seen = None
        self._open.set(self._outer)
        outer, self._outer = self._outer, None
        if outer is not None:
            outer.tensors += self.tensors


class _Hook:
    """Appends to `seen`. The graph keeps its hooks, so they must not keep what they have seen."""

    seen: list[Tensor] | None = None

    def __call__(self, tensor: Tensor) -> Tensor:
        # A result saved by its own node would hold that node, in a circle that no garbage collector sees through.
        kept = tensor if tensor.grad_fn is None else tensor.detach()
        if self.seen is not None:
            self.seen.append(kept)
        return kept
