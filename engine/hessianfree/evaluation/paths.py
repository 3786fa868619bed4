"""Fast kernels that cannot be differentiated twice, and how to do without them."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.autograd.graph import Node
from torch.nn.attention import SDPBackend, sdpa_kernel

# Nodes of autograd's graph by what their names begin with; torch has no derivative for their backward passes.
_ATTENTION = ("ScaledDotProduct", "FlashAttention", "EfficientAttention")
_RECURRENT = ("CudnnRnn", "MiopenRnn")


@dataclass(kw_only=True)
class DifferentiablePaths:
    """Which fast kernels an optimizer has met in its models and does without since.

    Attention then runs on the `MATH` backend of `scaled_dot_product_attention`, and recurrent layers without cuDNN
    while all others keep it. LSTMs on the CPU stay as they are: oneDNN's have a second derivative.
    """

    attention: bool = False
    recurrent: bool = False
    _untold: list[str] = field(default_factory=list)

    def leave(self, nodes: Iterable[Node]) -> bool:
        """Whether a graph of these nodes holds such kernels that are used no more from now on."""
        names = {node.name() for node in nodes}
        attention = not self.attention and any(name.startswith(_ATTENTION) for name in names)
        recurrent = not self.recurrent and any(name.startswith(_RECURRENT) for name in names)
        if attention:
            self.attention = True
            self._untold.append("attention runs on the MATH backend of scaled_dot_product_attention")
        if recurrent:
            self.recurrent = True
            self._untold.append("recurrent layers run without cuDNN")
        return attention or recurrent

    def untold(self) -> str | None:
        """What to tell the user, once."""
        if not self._untold:
            return None
        told = " and ".join(self._untold)
        self._untold.clear()
        return f"Fused kernels of the model cannot be differentiated twice: within a step, {told}."

    def attention_kernels(self) -> AbstractContextManager[object]:
        """Inside, `scaled_dot_product_attention` uses kernels that can be differentiated as often as needed."""
        return sdpa_kernel([SDPBackend.MATH]) if self.attention else nullcontext()

    def goes_without_cudnn(self, module: nn.Module) -> bool:
        """Whether cuDNN must be off while `module` runs."""
        return self.recurrent and isinstance(module, nn.RNNBase) and torch.backends.cudnn.enabled
