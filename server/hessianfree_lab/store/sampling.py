"""Thinning a long series so that a plot of it looks the same."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tsdownsample import MinMaxDownsampler

Floats = npt.NDArray[np.float64]


def select_rows(
    columns: Sequence[tuple[Floats, npt.NDArray[np.bool_]]], rows: int, max_points: int
) -> npt.NDArray[np.int64]:
    """Indices, ascending, of the rows to keep: about `max_points` of `rows`.

    A column is (values [rows], measured [rows]); values that were not measured count for nothing. The rows are cut
    into equal bins and each column keeps the smallest and largest of its finite values in each. The first row, the
    last, and every row with a value that is measured but not finite are kept whatever their number.
    """
    if rows <= max_points:
        return np.arange(rows)
    kept = [np.array([0, rows - 1])]
    # Two rows a bin and column, so that all columns together stay within what was asked for.
    size = 2 * max(1, (max_points - 2) // (2 * max(1, len(columns))))
    for values, measured in columns:
        finite = np.isfinite(values)
        kept.append(np.flatnonzero(measured & ~finite))
        there = np.flatnonzero(measured & finite)
        if len(there) <= size:
            kept.append(there)
        else:
            downsampler = MinMaxDownsampler()  # type: ignore[no-untyped-call]
            chosen = downsampler.downsample(np.ascontiguousarray(values[there]), n_out=size)
            kept.append(there[chosen.astype(np.int64)])
    return np.unique(np.concatenate(kept))
