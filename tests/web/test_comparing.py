"""Numbers of comparisons, against references that say the same the long way round."""

import math
import statistics
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hessianfree_lab.figures.comparing.bands import band
from hessianfree_lab.figures.comparing.baselines import against
from hessianfree_lab.figures.comparing.lines import Line, common_grid, line_of
from hessianfree_lab.figures.comparing.profiles import performance_profiles, shared_instances
from hessianfree_lab.figures.comparing.smoothing import Smoothed, smooth
from hessianfree_lab.figures.comparing.targets import reached, suggested

finite = st.floats(-1e6, 1e6)
weights = st.sampled_from([0.0, 0.3, 0.9, 0.99])
measurements = st.lists(finite | st.none() | st.sampled_from([math.nan, math.inf, -math.inf]), max_size=60)
counts = st.sampled_from([0, 63, 64, 65, 4096, 5000])


@st.composite
def lines(draw: st.DrawFn) -> Line:
    x = sorted(draw(st.lists(st.integers(0, 40), min_size=1, max_size=20, unique=True)))
    y = draw(st.lists(finite, min_size=len(x), max_size=len(x)))
    return Line(x=np.array(x, dtype=float), y=np.array(y))


def value_at(line: Line, x: float) -> float | None:
    """By the definition: nothing outside, the point where there is one, the straight line between two neighbours."""
    points = list(zip(line.x.tolist(), line.y.tolist(), strict=True))
    if x in line.x:
        return float(dict(points)[x])
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 < x < x1:
            return float(y0 + (y1 - y0) * (x - x0) / (x1 - x0))
    return None


# --- smoothing ------------------------------------------------------------------------------------------------------


def smoothed(values: list[float | None], weight: float) -> Smoothed:
    return smooth(np.array([math.nan if value is None else value for value in values], dtype=float), weight)


@given(measurements, weights)
def test_smoothing_is_a_weighted_average_of_the_values_so_far(
    values: list[float | None], weight: float
) -> None:
    found = smoothed(values, weight)
    seen: list[float] = []
    for value, average in zip(values, found.listed, strict=True):
        if value is None or not math.isfinite(value):
            assert average is None
            continue
        seen.append(value)
        shares = [weight ** (len(seen) - 1 - i) for i in range(len(seen))]
        expected = sum(share * v for share, v in zip(shares, seen, strict=True)) / sum(shares)
        assert average == pytest.approx(expected, rel=1e-6, abs=1e-6)
        assert found.last is not None
    assert found.count == len(seen)
    if not seen:
        assert found.last is None


@given(measurements, measurements, weights, counts)
def test_smoothing_can_be_taken_up_again_from_its_last_average(
    values: list[float | None], more: list[float | None], weight: float, before: int
) -> None:
    """As the dashboard does with rows that come later, however many there were before."""
    values = [*np.random.default_rng(before).normal(5, 3, before).tolist(), *values]
    first, together = smoothed(values, weight), smoothed([*values, *more], weight)
    last, count = first.last, first.count
    for value, expected in zip(more, together.listed[len(values) :], strict=True):
        if value is None or not math.isfinite(value):
            continue
        mass, count = 1 - weight**count, count + 1
        last = (weight * mass * (last or 0.0) + (1 - weight) * value) / (1 - weight**count)
        assert last == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("weight", [0.3, 0.9, 0.999])
def test_a_long_smoothing_is_what_one_value_after_the_other_makes(weight: float) -> None:
    values = np.random.default_rng(0).normal(5, 3, 10_000)
    expected, total, mass = [], 0.0, 0.0
    for value in values.tolist():
        total, mass = weight * total + (1 - weight) * value, weight * mass + (1 - weight)
        expected.append(total / mass)
    np.testing.assert_allclose(smooth(values, weight).values, expected, rtol=1e-9)


def test_no_weight_changes_nothing() -> None:
    assert smoothed([3.0, None, -1.0], 0.0).listed == [3.0, None, -1.0]


# --- lines and bands ------------------------------------------------------------------------------------------------


@given(
    st.lists(lines(), max_size=5),
    st.sampled_from(["mean", "median"]),
    st.sampled_from(["quantiles", "range"]),
)
def test_a_band_is_that_of_the_lines_that_are_there(several: list[Line], middle: str, spread: str) -> None:
    found = band(several, middle=middle, spread=spread, points=1000)  # type: ignore[arg-type]
    assert found.x.tolist() == sorted({x for line in several for x in line.x.tolist()})
    for index, x in enumerate(found.x.tolist()):
        there = [value for line in several if (value := value_at(line, x)) is not None]
        assert found.runs[index] == len(there)
        expected = statistics.fmean(there) if middle == "mean" else statistics.median(there)
        assert found.middle[index] == pytest.approx(expected, rel=1e-6, abs=1e-6)
        if spread == "range":
            assert (found.low[index], found.high[index]) == pytest.approx((min(there), max(there)))
        else:
            assert min(there) <= found.low[index] + 1e-6
            assert found.low[index] <= found.high[index] <= max(there) + 1e-6


def test_quantiles_lie_at_ten_and_ninety_percent() -> None:
    several = [Line(x=np.array([0.0, 1.0]), y=np.array([float(n), float(n)])) for n in range(11)]
    found = band(several, middle="median", spread="quantiles", points=10)
    assert (found.low.tolist(), found.middle.tolist(), found.high.tolist()) == ([1, 1], [5, 5], [9, 9])


def test_a_line_that_has_ended_is_not_prolonged() -> None:
    short = Line(x=np.array([1.0, 2.0]), y=np.array([10.0, 10.0]))
    long = Line(x=np.array([1.0, 4.0]), y=np.array([0.0, 0.0]))
    found = band([short, long], middle="mean", spread="range", points=10)
    assert found.x.tolist() == [1, 2, 4]
    assert found.runs.tolist() == [2, 2, 1]
    assert found.middle.tolist() == [5, 5, 0]


def test_what_is_not_finite_is_a_gap_and_nothing_is_made_up_across_it() -> None:
    measured = np.array([True, True, False, True])
    line = line_of(np.arange(4.0), np.array([1.0, np.inf, 5.0, 3.0]), measured)
    assert line.x.tolist() == [0, 1, 3]
    found = line.at(np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0]))
    assert [None if np.isnan(y) else y for y in found] == [None, 1, None, None, None, 3, None]


@given(st.lists(lines(), min_size=1, max_size=4), st.integers(2, 12))
def test_a_grid_keeps_its_ends_and_its_size(several: list[Line], most: int) -> None:
    grid = common_grid(several, most)
    every = sorted({x for line in several for x in line.x.tolist()})
    assert len(grid) <= most or len(grid) == len(every)
    assert (grid[0], grid[-1]) == (every[0], every[-1])
    assert set(grid.tolist()) <= set(every)


@given(lines(), st.integers(2, 12))
def test_a_thinned_line_has_rows_of_the_line_its_ends_among_them(line: Line, most: int) -> None:
    thin = line.thinned(most)
    assert len(thin.x) == min(most, len(line.x))
    assert set(zip(thin.x.tolist(), thin.y.tolist(), strict=True)) <= set(
        zip(line.x.tolist(), line.y.tolist(), strict=True)
    )
    assert (thin.x[0], thin.x[-1]) == (line.x[0], line.x[-1])
    assert not np.shares_memory(thin.x, line.x)


# --- the baseline ---------------------------------------------------------------------------------------------------


@given(lines(), lines())
def test_difference_and_ratio_are_taken_at_the_same_x(line: Line, baseline: Line) -> None:
    difference = against(line.x, line.y, baseline, "difference")
    ratio = against(line.x, line.y, baseline, "ratio")
    for index, (x, y) in enumerate(zip(line.x.tolist(), line.y.tolist(), strict=True)):
        base = value_at(baseline, x)
        if base is None:
            assert np.isnan(difference[index])
            assert np.isnan(ratio[index])
            continue
        assert difference[index] == pytest.approx(y - base, rel=1e-6, abs=1e-6)
        if abs(base) > 1e-3:
            assert ratio[index] == pytest.approx(y / base, rel=1e-6, abs=1e-6)
    itself = against(baseline.x, baseline.y, baseline, "ratio")
    assert all(np.isnan(r) if y == 0 else r == 1 for r, y in zip(itself, baseline.y, strict=True))


# --- targets --------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(allow_nan=True), max_size=30), finite)
def test_a_target_is_reached_at_the_first_row_at_or_below_it(values: list[float], target: float) -> None:
    expected = next((row for row, value in enumerate(values) if value <= target), None)
    assert reached(np.array(values, dtype=float), target) == expected


def test_the_suggested_target_leaves_a_tenth_of_the_largest_decrease() -> None:
    assert suggested([(10.0, 2.0), (12.0, 5.0), (None, 1.0), (9.0, math.nan)]) == pytest.approx(3.0)
    assert suggested([(None, None)]) is None


# --- performance profiles -------------------------------------------------------------------------------------------

costs = st.integers(1, 3).flatmap(
    lambda solvers: st.integers(1, 6).flatmap(
        lambda problems: st.lists(
            st.lists(st.floats(0.1, 1e4) | st.just(math.inf), min_size=problems, max_size=problems),
            min_size=solvers,
            max_size=solvers,
        )
    )
)


@given(costs, st.floats(1, 1e5))
def test_a_profile_is_the_share_within_a_factor_of_the_best(table: list[list[float]], factor: float) -> None:
    given_costs = {f"s{s}": {f"p{p}": cost for p, cost in enumerate(row)} for s, row in enumerate(table)}
    found = performance_profiles(given_costs)
    assert [profile.solver for profile in found] == list(given_costs)
    for profile, row in zip(found, table, strict=True):
        best = [min(other[p] for other in table) for p in range(len(row))]
        solved = [math.isfinite(cost) and cost / best[p] <= factor for p, cost in enumerate(row)]
        assert profile.within(factor) == pytest.approx(sum(solved) / len(row))
        assert profile.factors[0] == 1.0
        assert list(profile.shares) == sorted(profile.shares)
        assert profile.shares[-1] == pytest.approx(sum(map(math.isfinite, row)) / len(row))


@given(costs)
def test_somebody_is_the_best_on_each_problem_that_is_solved(table: list[list[float]]) -> None:
    found = performance_profiles(
        {f"s{s}": {f"p{p}": cost for p, cost in enumerate(row)} for s, row in enumerate(table)}
    )
    solved = sum(any(math.isfinite(row[p]) for row in table) for p in range(len(table[0])))
    assert sum(profile.within(1.0) for profile in found) >= solved / len(table[0]) - 1e-9


def test_what_costs_nothing_is_only_matched_by_nothing() -> None:
    free, paid = performance_profiles({"free": {"p": 0.0}, "paid": {"p": 1.0}})
    assert (free.shares, paid.shares) == ((1.0,), (0.0,))


def test_only_instances_that_all_have_run_can_be_compared() -> None:
    assert shared_instances({"a": {"p": 1, "q": 1}, "b": {"q": 1, "r": 1}}) == ["q"]
    assert shared_instances({}) == []
