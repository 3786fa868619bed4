"""A noisy metric without its noise: an exponential moving average that owes nothing to where it began."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hessianfree_lab.figures.comparing.lines import Floats

_BLOCK = 64
"""Values that one product with a matrix averages: what is left for Python is next to nothing of a long run."""


@dataclass(frozen=True, kw_only=True)
class Smoothed:
    """Averages [rows]; NaN where there is none. `last` and `count` say how to go on.

    The next finite value comes after `count` others, whose average is `last`. The dashboard goes on like that with rows
    that arrive later (static/lib/feed.js).
    """

    weight: float
    values: Floats
    last: float | None
    count: int

    def rows(self, kept: Sequence[int]) -> "Smoothed":
        """The averages of these rows alone; how to go on stays."""
        return replace(self, values=self.values[np.asarray(kept, dtype=np.int64)])

    @property
    def listed(self) -> list[float | None]:
        """The averages as a column of a series has them."""
        return [None if value != value else value for value in self.values.tolist()]


def smooth(values: Floats, weight: float) -> Smoothed:
    """Averages of `values` in which each weighs `weight` times as much as the one after it.

    Of t values, the sum of (1 - weight) weight^(t-i) v_i is divided by the sum of its weights, 1 - weight^t: it is an
    average of these values alone, also at the beginning. What is not finite has no average and leaves the others as
    they are. `weight`: from 0, which changes nothing, to below 1.
    """
    finite = np.isfinite(values)
    seen = values[finite]
    decay = math.log(weight) if weight else -math.inf
    mass = -np.expm1(decay * np.arange(1, len(seen) + 1))  # 1 - weight^t
    averages = np.full(len(values), np.nan)
    averages[finite] = found = _decayed((1 - weight) * seen, weight) / mass
    last = float(found[-1]) if len(found) else None
    return Smoothed(weight=weight, values=averages, last=last, count=len(seen))


def _decayed(values: Floats, weight: float) -> Floats:
    """s_t = weight s_(t-1) + v_t, from s_0 = 0.

    In blocks: each for itself at first, all by one product; what is carried over the ends of the blocks is such a sum
    too, with the weight of a whole block.
    """
    ages = np.subtract.outer(np.arange(_BLOCK), np.arange(_BLOCK))
    decay = np.where(ages >= 0, weight ** np.maximum(ages, 0.0), 0.0)
    if len(values) <= _BLOCK:
        return decay[: len(values), : len(values)] @ values
    # What fills the last block up comes after all others and changes none of them.
    blocks = np.resize(values, (-(-len(values) // _BLOCK), _BLOCK))
    sums = blocks @ decay.T
    carried = _decayed(sums[:-1, -1], weight**_BLOCK)
    sums[1:] += np.outer(carried, weight * decay[:, 0])
    return sums.ravel()[: len(values)]
