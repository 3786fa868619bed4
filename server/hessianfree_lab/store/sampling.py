"""Thinning a long series so that a plot of it looks the same."""

import numpy as np

from hessianfree_lab.store.rows import Column, Flags, Floats, Numbers


def select_rows(numbers: Numbers, column: Column, points: int) -> Numbers:
    """Indices, ascending, of the rows to keep of a metric: no more than `points`, beside what is not finite.

    `numbers` are the rows' steps, ascending; the column is (values [rows], measured [rows]). Steps are cut into buckets
    whose width is a power of two, the least that will do, and which begin at multiples of it: the same rows make the
    same buckets wherever the series begins and however far it has come, and a new row changes only the last. Of each
    bucket stay the first of the smallest and the first of the largest finite values. The first and the last value, and
    every one that is not finite, stay whatever their number.
    """
    values, measured = column
    there = np.flatnonzero(measured)
    if len(there) <= points:
        return there
    if len(there) < len(numbers):
        numbers, values = numbers[there], values[there]
    finite = np.isfinite(values)
    kept = [np.array([0, len(there) - 1]), np.flatnonzero(~finite)]
    if finite.any():
        bucket = _buckets(numbers, max(1, (points - 2) // 2))
        kept += [_smallest(values, finite, bucket), _smallest(-values, finite, bucket)]
    rows: Numbers = there[np.unique(np.concatenate(kept))]
    return rows


def _buckets(numbers: Numbers, most: int) -> Numbers:
    """The bucket of each row: of `most` buckets at most, as narrow as powers of two allow."""
    # A bucket holds no more rows than it is wide.
    width_bits = max(0, (len(numbers) - 1) // most).bit_length()
    while True:
        bucket = (numbers - 1) >> width_bits
        if np.count_nonzero(np.diff(bucket)) < most:
            return bucket
        width_bits += 1


def _smallest(values: Floats, finite: Flags, bucket: Numbers) -> Numbers:
    """The row of the smallest finite value of each bucket that has one; of equal ones the first."""
    begins = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
    bounded = np.where(finite, values, np.inf)
    lowest = np.repeat(np.minimum.reduceat(bounded, begins), np.diff(begins, append=len(bucket)))
    rows = np.flatnonzero((bounded == lowest) & finite)
    return rows[np.flatnonzero(np.diff(bucket[rows], prepend=-1))]
