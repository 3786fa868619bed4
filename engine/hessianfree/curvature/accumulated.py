"""A curvature matrix that is a weighted sum over batches of data."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

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
        with _SavedBytes() as saved:
            curvature = self._build(batch)
        if saved.total <= self._budget_left:
            self._budget_left -= saved.total
            self._kept[i] = curvature
        else:
            self._budget_left = 0  # the next batches are as large: do not measure them again
        return curvature


class _SavedBytes:
    """Bytes of the storages that autograd saves for backward inside the context, each counted once.

    Parameters are counted too, once a batch: an overestimate on the safe side.
    """

    def __init__(self) -> None:
        self.total = 0
        self._seen: set[int] = set()
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._count, lambda tensor: tensor)

    def _count(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._seen:
            self._seen.add(storage.data_ptr())
            self.total += storage.nbytes()
        return tensor

    def __enter__(self) -> "_SavedBytes":
        self._hooks.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._hooks.__exit__(*exception)
