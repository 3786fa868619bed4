"""How much memory kept graphs may take."""

from warnings import warn

import torch

from hessianfree.curvature.saved import SavedTensors
from hessianfree.utils import memory_bytes

_SHARE = 4  # of the device's memory, a quarter


class GraphMemory:
    """A budget in bytes for the graphs kept between products, and whether a single one has been found to exceed it.

    The graphs number 1, 10, 100 and so on are measured: a measured one makes every backward pass through it slower, by
    some microseconds for each saved tensor.
    """

    def __init__(
        self, budget: int | None, *, graphs: int = 0, exceeded: bool = False, sharers: int = 1
    ) -> None:
        """`budget` None: a quarter of the memory of the device. `graphs` have been before, and `exceeded` found.

        So many `sharers`, processes with graphs of their own, have the machine's memory among them; a GPU is one's own.
        """
        self._given = budget
        self.sharers = sharers
        self.graphs = graphs
        self.exceeded = exceeded

    def budget(self, device: torch.device) -> int:
        if self._given is not None:
            return self._given
        return memory_bytes(device) // (_SHARE * (self.sharers if device.type == "cpu" else 1))

    def is_due(self) -> bool:
        """Whether the next graph is one to measure."""
        self.graphs += 1
        return str(self.graphs).rstrip("0") == "1"

    def measured(self, saved: SavedTensors, device: torch.device) -> None:
        """Take note of what a graph has `saved`; warn the first time that it is too much."""
        taken, budget = saved.nbytes, self.budget(device)
        if taken > budget and not self.exceeded:
            self.exceeded = True
            warn(
                f"The graph of a step takes {taken / 2**20:.1f} MiB, more than graph_memory_bytes = {budget}: from now "
                "on forward passes are run again for every curvature product instead. That takes more time; acc_step "
                "with smaller batches keeps what fits.",
                stacklevel=2,
            )
