"""When runs reached what was aimed at."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from hessianfree_lab.figures.comparing.lines import Floats

REMAINDER = 0.1


def suggested(
    first_and_best: Iterable[tuple[float | None, float | None]], remainder: float = REMAINDER
) -> float | None:
    """The value at which all but `remainder` of the largest decrease of any run is done [Moré & Wild 2009, 2.2].

    `first_and_best`: of each run of one problem its first value and its lowest. None where no run has both.
    """
    known = [
        (first, best)
        for first, best in first_and_best
        if first is not None and best is not None and math.isfinite(first) and math.isfinite(best)
    ]
    if not known:
        return None
    lowest = min(best for _, best in known)
    return lowest + remainder * (max(first for first, _ in known) - lowest)


def reached(values: Floats, target: float) -> int | None:
    """The first row whose value is at or below `target`; None: it never was."""
    there = np.flatnonzero(values <= target)
    return int(there[0]) if len(there) else None


def middle_of(costs: Sequence[float]) -> float:
    """The median; infinite where that is between a cost and none."""
    return float(np.median(costs))
