"""Several lines as one: their middle, and how far they spread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hessianfree_lab.figures.comparing.lines import Floats, Line, common_grid

Middle = Literal["mean", "median"]
Spread = Literal["quantiles", "range"]

SPREADS: dict[Spread, tuple[float, float]] = {"quantiles": (0.1, 0.9), "range": (0.0, 1.0)}


@dataclass(frozen=True, kw_only=True)
class Band:
    """Columns over `x`: the middle of the lines that are there, their bounds, and how many they are."""

    x: Floats
    middle: Floats
    low: Floats
    high: Floats
    runs: npt.NDArray[np.int64]


def band(lines: Sequence[Line], *, middle: Middle, spread: Spread, points: int) -> Band:
    """The lines' band on a common grid of at most `points`.

    A line counts from its first x to its last and is not prolonged: where it has ended the others go on without it, and
    `runs` says how many there are. `quantiles`: from the 10 % to the 90 % quantile; `range`: all of them.
    """
    grid = common_grid(lines, points)
    values = np.stack([line.at(grid) for line in lines]) if lines else np.empty((0, len(grid)))
    there = np.count_nonzero(~np.isnan(values), axis=0)
    grid, values, there = grid[there > 0], values[:, there > 0], there[there > 0]
    if len(grid) == 0:
        empty = np.empty(0)
        return Band(x=empty, middle=empty, low=empty, high=empty, runs=np.empty(0, dtype=np.int64))
    low, high = np.nanquantile(values, SPREADS[spread], axis=0)
    centre = np.nanmean(values, axis=0) if middle == "mean" else np.nanmedian(values, axis=0)
    return Band(x=grid, middle=centre, low=low, high=high, runs=there)
