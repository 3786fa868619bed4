"""A metric of one run as numbers over numbers, and what can be read off between its points."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Line:
    """y [rows] over x [rows], which does not decrease; NaN where the metric was measured but is not finite."""

    x: Floats
    y: Floats

    def at(self, grid: Floats) -> Floats:
        """y at each x of `grid`, on the straight line between its neighbours.

        NaN outside of the line and on both sides of a NaN: nothing is made up.
        """
        if len(self.x) == 0:
            return np.full(len(grid), np.nan)
        return np.interp(grid, self.x, self.y, left=np.nan, right=np.nan)

    def between(self, start: float | None, stop: float | None) -> "Line":
        """The rows from `start` to `stop`, and one neighbour at either side; None: no bound."""
        first = 0 if start is None else max(0, int(np.searchsorted(self.x, start)) - 1)
        last = len(self.x) if stop is None else int(np.searchsorted(self.x, stop, side="right")) + 1
        return Line(x=self.x[first:last], y=self.y[first:last])

    def thinned(self, most: int) -> "Line":
        """`most` of the rows at most, evenly by their number, the ends among them; a line of its own memory."""
        rows = _evenly(len(self.x), most)
        return Line(x=self.x[rows], y=self.y[rows])


def line_of(x: Floats, values: Floats, measured: npt.NDArray[np.bool_]) -> Line:
    """The line through what was measured. A clock that was set back takes no row along."""
    finite_x = np.isfinite(x) & measured
    kept_x, kept_y = x[finite_x], values[finite_x]
    order = np.argsort(kept_x, kind="stable")
    return Line(x=kept_x[order], y=np.where(np.isfinite(kept_y), kept_y, np.nan)[order])


def common_grid(lines: Sequence[Line], most: int) -> Floats:
    """Every x of any of the lines, ascending; of more than `most` as many, evenly by their number.

    So the grid is dense where the lines are, on linear and logarithmic axes alike.
    """
    every = np.unique(np.concatenate([line.x for line in lines] or [np.empty(0)]))
    return every[_evenly(len(every), most)]


def _evenly(rows: int, most: int) -> npt.NDArray[np.int64]:
    """Indices of `most` of so many rows, or of all where there are no more."""
    if rows <= most:
        return np.arange(rows)
    return np.linspace(0, rows - 1, most).round().astype(np.int64)
