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
    `memory_budget` bytes; beyond it, a batch's forward pass is run again in every product.
    """

    def __init__(
        self,
        build: Callable[[Any], LinearMap],
        weighted_batches: Sequence[tuple[float, Any]],
        *,
        memory_budget: int,
    ) -> None:
        """`build(batch)` runs the forward pass and answers the curvature on that batch."""
        self._build = build
        self._weighted_batches = weighted_batches
        self._budget_left = memory_budget
        self._kept: dict[int, LinearMap] = {}

    def __call__(self, vector: Tensor, /) -> Tensor:
        total = torch.zeros_like(vector)
        for i, (weight, batch) in enumerate(self._weighted_batches):
            curvature = self._kept.get(i) or self._build_and_maybe_keep(i, batch)
            total.add_(curvature(vector), alpha=weight)
        return total

    def _build_and_maybe_keep(self, i: int, batch: Any) -> LinearMap:
        if self._budget_left <= 0:
            return self._build(batch)
        with SavedTensors() as saved:
            curvature = self._build(batch)
        if saved.nbytes <= self._budget_left:
            self._budget_left -= saved.nbytes
            self._kept[i] = curvature
        else:
            self._budget_left = 0  # the next batches are as large: do not measure them again
        return curvature
