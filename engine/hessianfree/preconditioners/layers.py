"""What a layer does to its weights, as rows: the inputs they are multiplied with, the slopes that arrive."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hessianfree.graph import Edge, edge_of


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A linear map with trainable weights, [O, I], seen as one of rows; convolutions multiply patches.

    `weight` and `bias` are places among the trainable tensors; a `bias` is one more input that is always 1.
    """

    module: nn.Linear | nn.Conv2d
    weight: int
    bias: int | None

    @property
    def places(self) -> tuple[int, ...]:
        """Of its trainable tensors."""
        return (self.weight,) if self.bias is None else (self.weight, self.bias)

    def rows(self, inputs: Tensor) -> Tensor:
        """The module's inputs as [R, I], or [R, I + 1] with the ones."""
        if isinstance(self.module, nn.Conv2d):
            patches = functional.unfold(
                inputs if inputs.dim() == 4 else inputs[None],
                self.module.kernel_size,
                self.module.dilation,
                self.module.padding,  # type: ignore[arg-type]  # a name of a padding is refused in `layers_of`
                self.module.stride,
            )
            inputs = patches.transpose(1, 2)
        rows = inputs.reshape(-1, inputs.shape[-1])
        return rows if self.bias is None else functional.pad(rows, (0, 1), value=1.0)

    def slopes(self, slopes: Tensor) -> Tensor:
        """Slopes in the module's outputs as [R, O]."""
        if isinstance(self.module, nn.Conv2d):
            slopes = slopes.movedim(-3, -1)
        return slopes.reshape(-1, slopes.shape[-1])

    def joined(self, parts: Sequence[Tensor]) -> Tensor:
        """Weight and bias among tensors shaped like the trainable ones, as one matrix [O, I] or [O, I + 1]."""
        weight = parts[self.weight].flatten(1)
        return weight if self.bias is None else torch.cat([weight, parts[self.bias][:, None]], dim=1)

    def write(self, matrix: Tensor, parts: Sequence[Tensor]) -> None:
        """The way back from `joined`, into `parts`."""
        weight = parts[self.weight]
        columns = matrix.shape[1] - (self.bias is not None)
        weight.copy_(matrix[:, :columns].view_as(weight))
        if self.bias is not None:
            parts[self.bias].copy_(matrix[:, columns])


def layers_of(model: nn.Module, trainable: Sequence[Tensor]) -> list[Layer]:
    """Linear layers and 2-D convolutions whose weight is among `trainable`, and belongs to no other of them.

    Convolutions in groups, or padded with anything but a number of zeros, are left out.
    """
    places = {id(tensor): i for i, tensor in enumerate(trainable)}
    layers: dict[int, Layer | None] = {}
    for module in model.modules():
        if not isinstance(module, nn.Linear | nn.Conv2d) or id(module.weight) not in places:
            continue
        if isinstance(module, nn.Conv2d) and (
            module.groups != 1 or module.padding_mode != "zeros" or isinstance(module.padding, str)
        ):
            continue
        weight = places[id(module.weight)]
        bias = None if module.bias is None else places.get(id(module.bias))
        layers[weight] = None if weight in layers else Layer(module=module, weight=weight, bias=bias)
    return [layer for layer in layers.values() if layer is not None]


class Watch:
    """What went through each layer in one forward pass: sums of a a' over its rows, and where its slopes arrive."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.squares: list[Tensor | None] = [None] * len(layers)  # [I, I]
        self.rows = [0] * len(layers)
        self.edges: list[list[Edge]] = [[] for _ in layers]  # one a call
        self._layers = layers

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Inside, forward passes are seen."""
        hooks = [
            layer.module.register_forward_hook(self._seen(i, layer), with_kwargs=True)
            for i, layer in enumerate(self._layers)
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _seen(self, i: int, layer: Layer):  # type: ignore[no-untyped-def]  # a hook, typed by torch
        @torch.no_grad()
        def hook(
            module: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor], output: Tensor
        ) -> None:
            del module
            if not output.requires_grad:  # called without a graph: no slope arrives there
                return
            # At once, and by the edge: what comes later may change both tensors in place.
            rows = layer.rows(inputs[0] if inputs else named["input"])
            squares = rows.T @ rows
            seen = self.squares[i]
            self.squares[i] = squares if seen is None else seen.add_(squares)
            self.rows[i] += len(rows)
            self.edges[i].append(edge_of(output))

        return hook
