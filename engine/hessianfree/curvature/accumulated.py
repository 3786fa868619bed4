"""A curvature matrix that is a weighted sum over batches of data."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from hessianfree.curvature.saved import SavedTensors
from hessianfree.interfaces import LinearMap


class AccumulatedCurvature:
    """v -> sum_i weight_i B_i v.

    The graph behind a batch's B_i is kept from the first product on while all kept graphs together stay within
    `memory_budget` bytes; beyond it, forward passes are run again in every product.
    """

    def __init__(
        self,
        build: Callable[[Any], LinearMap],
        recompute: Callable[[Any], LinearMap],
        weighted_batches: Sequence[tuple[float, Any]],
        *,
        memory_budget: int,
    ) -> None:
        """Either answers the curvature on a batch: `build` with its graph, `recompute` without one."""
        self._build, self._recompute = build, recompute
        self._weighted_batches = weighted_batches
        self._budget_left = memory_budget
        self._kept: dict[int, LinearMap] = {}

    def __call__(self, vector: Tensor, /) -> Tensor:
        total = torch.zeros_like(vector)
        for i, (weight, batch) in enumerate(self._weighted_batches):
            curvature = self._kept.get(i) or self._kept_if_it_fits(i, batch)
            total.add_(curvature(vector), alpha=weight)
        return total

    def _kept_if_it_fits(self, i: int, batch: Any) -> LinearMap:
        if self._budget_left > 0:
            with SavedTensors() as saved:
                curvature = self._build(batch)
            self._budget_left -= saved.nbytes
            if self._budget_left >= 0:
                self._kept[i] = curvature
                return curvature
            # The next batches are as large: they are not even tried.
        return self._recompute(batch)
