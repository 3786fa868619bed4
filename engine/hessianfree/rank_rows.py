"""Rows of numbers behind a vector that is added up over ranks: a row from each of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

PARTS = {torch.float32: 3, torch.float64: 1}
"""Numbers of a dtype that hold a double without rounding."""


class Rows:
    """A row of numbers from every rank, the same bits on all of them; read from the device when first asked for."""

    HEAD = 4  # numbers before the values: failed, wish, label, fingerprint

    def __init__(self, table: Tensor, values: int) -> None:
        """`table` [ranks, HEAD + parts of `values` numbers]."""
        self._table, self._values = table, values
        self._read: list[list[float]] | None = None

    @property
    def _rows(self) -> list[list[float]]:
        if self._read is None:
            self._read = self._table.tolist()
        return self._read

    @property
    def failed(self) -> list[int]:
        """The ranks that could not do their share."""
        return [rank for rank, row in enumerate(self._rows) if row[0]]

    @property
    def wished(self) -> bool:
        """Whether any rank wants to end what goes on."""
        return any(row[1] for row in self._rows)

    @property
    def differ(self) -> str | None:
        """What is not the same on all ranks, in words; None: all is."""
        if len({row[2] for row in self._rows}) > 1:
            return "are not at the same place"
        if len({row[3] for row in self._rows}) > 1:
            return "do not have the same numbers"
        return None

    def totals(self) -> list[float]:
        """Each value summed over the ranks, in their order, in double precision."""
        own = [row[self.HEAD :] for row in self._rows]
        return [sum(sum(row[i :: self._values]) for row in own) for i in range(self._values)]


def split(values: Sequence[float], dtype: torch.dtype) -> list[float]:
    """Numbers of `dtype` whose sum is each of the values: all the first parts, all the second, and so on."""
    left = torch.tensor(values, dtype=torch.float64)
    parts = []
    for _ in range(PARTS[dtype]):
        part = left.to(dtype).to(torch.float64)
        parts.append(part)
        left = torch.where(part.isfinite(), left - part, 0.0)
    return torch.cat(parts).tolist() if values else []
