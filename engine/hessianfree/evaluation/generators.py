"""Torch's own random number generators."""

from typing import Any

import torch
from torch import Tensor


class Generators:
    """The default generators that a forward pass on `device` may draw from: the CPU's, and the device's own."""

    def __init__(self, device: torch.device) -> None:
        module: Any = None if device.type == "cpu" else torch.get_device_module(device)
        self._module = module if hasattr(module, "get_rng_state") else None
        self._where = (
            () if device.type == "mps" else (device,)
        )  # there is one at most, and it takes no number

    def states(self) -> tuple[Tensor, ...]:
        """Where they stand. Costs microseconds, also on a GPU: its generator's state lives on the host."""
        states = (torch.get_rng_state(),)
        return states if self._module is None else (*states, self._module.get_rng_state(*self._where))

    def set(self, states: tuple[Tensor, ...]) -> None:
        """Put them where they stood."""
        torch.set_rng_state(states[0])
        if self._module is not None:
            self._module.set_rng_state(states[1], *self._where)
