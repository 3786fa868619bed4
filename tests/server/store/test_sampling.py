"""What a thinned series keeps: as much as a slow reading of the rule, row by row, says."""

import math
from itertools import groupby

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hessianfree_lab.store.rows import Column, as_column
from hessianfree_lab.store.sampling import select_rows

Values = list[float | None]
VALUES = st.one_of(
    st.floats(-1e3, 1e3), st.integers(-3, 3), st.sampled_from([math.nan, math.inf, -math.inf, None])
)
STEPS = st.one_of(
    st.integers(1, 150).map(lambda rows: list(range(1, rows + 1))),
    st.sets(st.integers(1, 5000), min_size=1, max_size=150).map(sorted),
)


@st.composite
def recorded(draw: st.DrawFn) -> tuple[list[int], Values]:
    """Steps, regular and not, and a metric of theirs."""
    steps = draw(STEPS)
    return steps, draw(st.lists(VALUES, min_size=len(steps), max_size=len(steps)))


def width_of(steps: list[int], values: Values, points: int) -> int:
    """The narrowest buckets of which all leave room for two points and the ends."""
    measured = [step for step, value in zip(steps, values, strict=True) if value is not None]
    widths = (2**bits for bits in range(40))
    most = max(1, (points - 2) // 2)
    return next(width for width in widths if len({(step - 1) // width for step in measured}) <= most)


def kept_by_rule(steps: list[int], values: Values, points: int) -> list[int]:
    """The rule as it is written, row by row."""
    rows = [row for row, value in enumerate(values) if value is not None]
    if len(rows) <= points:
        return rows
    number = {row: value for row, value in enumerate(values) if value is not None}
    finite = [row for row in rows if math.isfinite(number[row])]
    kept = {rows[0], rows[-1]} | set(rows).difference(finite)
    width = width_of(steps, values, points)
    for _, bucket in groupby(finite, key=lambda row: (steps[row] - 1) // width):
        members = list(bucket)
        kept |= {min(members, key=number.__getitem__), max(members, key=number.__getitem__)}
    return sorted(kept)


def selected(steps: list[int], values: Values, points: int) -> list[int]:
    rows: list[int] = select_rows(np.array(steps), as_column(values), points).tolist()
    return rows


@given(record=recorded(), points=st.integers(2, 40))
def test_of_every_bucket_the_extremes_stay_and_nothing_else(
    record: tuple[list[int], Values], points: int
) -> None:
    steps, values = record
    kept = selected(steps, values, points)
    assert kept == kept_by_rule(steps, values, points)
    assert kept == selected(steps, values, points)
    odd = sum(value is not None and not math.isfinite(value) for value in values)
    assert len(kept) <= max(points, 4) + odd


@given(record=recorded(), points=st.integers(6, 40), more=st.integers(1, 60))
def test_new_rows_move_nothing_before_the_last_bucket(
    record: tuple[list[int], Values], points: int, more: int
) -> None:
    steps, values = record
    longer, grown = [*steps, *range(steps[-1] + 1, steps[-1] + 1 + more)], [*values, *[0.5] * more]
    measured = [step for step, value in zip(steps, values, strict=True) if value is not None]
    width = width_of(steps, values, points)
    assume(len(measured) > points and width == width_of(longer, grown, points))
    last_bucket = (measured[-1] - 1) // width
    before, after = (
        {
            numbers[row]
            for row in selected(numbers, column, points)
            if (numbers[row] - 1) // width < last_bucket
        }
        for numbers, column in ((steps, values), (longer, grown))
    )
    assert before == after


@pytest.mark.parametrize("begin", [1, 1000, 31_234])
def test_buckets_stand_still_wherever_the_part_that_is_shown_begins(begin: int) -> None:
    """A window that is moved along a run shows the same points of what it still shows."""
    values = np.sin(np.arange(100_000) * 7.3)
    steps = np.arange(1, 100_001)

    def points(first: int) -> set[int]:
        part = slice(first - 1, first - 1 + 50_000)
        column: Column = (values[part], np.ones(50_000, dtype=bool))
        return set(steps[part][select_rows(steps[part], column, 500)].tolist())

    width = 256
    first = -(-(begin + 5000) // width) * width  # the first bucket that both show whole
    last = (begin + 50_000 - 1) // width * width
    inside = {step for step in points(begin) if first < step <= last}
    assert inside
    assert inside == {step for step in points(begin + 5000) if first < step <= last}


@pytest.mark.parametrize("rows", [0, 1, 2, 10])
def test_no_more_rows_than_asked_for_are_all_kept(rows: int) -> None:
    assert selected(list(range(1, rows + 1)), [1.0] * rows, 10) == list(range(rows))
