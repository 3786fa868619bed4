"""What a thinned series keeps."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hessianfree_lab.store.sampling import Floats, select_rows

VALUES = st.one_of(st.floats(-1e3, 1e3), st.sampled_from([math.nan, math.inf, -math.inf, None]))
COLUMNS = st.integers(1, 150).flatmap(
    lambda rows: st.lists(st.lists(VALUES, min_size=rows, max_size=rows), min_size=1, max_size=3)
)


@given(columns=COLUMNS, max_points=st.integers(2, 40))
def test_ends_extremes_and_what_is_not_finite_stay(
    columns: list[list[float | None]], max_points: int
) -> None:
    rows = len(columns[0])
    kept = select_rows([_column(values) for values in columns], rows, max_points)
    chosen = set(kept.tolist())
    assert kept.tolist() == sorted(chosen)
    assert {0, rows - 1} <= chosen
    odd = 0
    for values in columns:
        finite = [value for value in values if value is not None and math.isfinite(value)]
        not_finite = {i for i, value in enumerate(values) if value is not None and not math.isfinite(value)}
        assert not_finite <= chosen
        odd += len(not_finite)
        if finite:
            there = [values[i] for i in chosen]
            assert min(finite) in there
            assert max(finite) in there
    # Two of a column are kept even where that is more than was asked for.
    assert len(chosen) <= max(rows if rows <= max_points else 0, max_points, 2 + 2 * len(columns)) + odd


@given(columns=COLUMNS, max_points=st.integers(2, 40))
def test_the_same_rows_every_time(columns: list[list[float | None]], max_points: int) -> None:
    once, again = (
        select_rows([_column(values) for values in columns], len(columns[0]), max_points) for _ in range(2)
    )
    assert once.tolist() == again.tolist()


@pytest.mark.parametrize("rows", [0, 1, 2, 10])
def test_no_more_rows_than_asked_for_are_all_kept(rows: int) -> None:
    assert select_rows([_column([1.0] * rows)], rows, 10).tolist() == list(range(rows))


def _column(values: list[float | None]) -> tuple[Floats, np.ndarray]:
    measured = np.array([value is not None for value in values], dtype=bool)
    return np.array([0.0 if value is None else value for value in values]), measured
