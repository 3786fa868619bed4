"""How large the parameters of each layer are, for the record."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

MOST_LAYERS = 28
NAME_LENGTH = 80  # characters of a layer's name that go into its metric's


class LayerNorms:
    """Euclidean norms of the layers of a model: of the modules that own parameters, the largest 28 of them.

    `measure` only launches the work and `read` waits for it: one wait for the device, however many layers.
    """

    def __init__(self, model: nn.Module | None) -> None:
        """None, or a model of one layer: there is nothing to tell apart."""
        layers = _largest(model) if model is not None else {}
        self._names = [_metric(name) for name in layers]
        self._tensors: list[Tensor] = [parameter for owned in layers.values() for parameter in owned]
        self._counts = [len(owned) for owned in layers.values()]
        self._measured: Tensor | None = None

    @torch.no_grad()
    def measure(self) -> None:
        """Of the parameters as they are now."""
        if self._names:
            self._measured = torch.stack(torch._foreach_norm(self._tensors))

    def read(self) -> dict[str, float]:
        """What was measured last, as metrics; empty where nothing was since."""
        if self._measured is None:
            return {}
        # One read for all of them; the few sums of squares are the host's.
        norms, self._measured = self._measured.double().square().tolist(), None
        found, place = {}, 0
        for name, count in zip(self._names, self._counts, strict=True):
            found[name] = sum(norms[place : place + count]) ** 0.5
            place += count
        return found


def _largest(model: nn.Module) -> dict[str, Sequence[nn.Parameter]]:
    """Parameters by the name of the module that owns them, in the model's order."""
    owners: dict[str, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        owners.setdefault(name.rpartition(".")[0] or "model", []).append(parameter)
    if len(owners) < 2:
        return {}
    sizes = {name: sum(p.numel() for p in owned) for name, owned in owners.items()}
    kept = set(sorted(sizes, key=lambda name: -sizes[name])[:MOST_LAYERS])
    return {name: owned for name, owned in owners.items() if name in kept}


def _metric(layer: str) -> str:
    return "parameter_norm." + re.sub(r"[^A-Za-z0-9_.\-/]", "_", layer)[:NAME_LENGTH]
