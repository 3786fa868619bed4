"""A column taken in at once counts as its values taken in one by one."""

import math
from copy import copy

from hypothesis import given
from hypothesis import strategies as st

from hessianfree_lab.store.summaries import Summary

NUMBERS = st.floats() | st.integers() | st.sampled_from([0.0, -0.0, 1, 10**400, 1e308, -1e308])
COLUMNS = st.lists(NUMBERS, min_size=1, max_size=8) | st.lists(
    NUMBERS | st.booleans() | st.text(max_size=2) | st.none(), min_size=1, max_size=8
)


@given(st.lists(COLUMNS, max_size=3))
def test_columns_count_as_their_values(columns: list[list[float | bool | str | None]]) -> None:
    at_once, one_by_one, first = Summary(), Summary(), 1
    for values in columns:
        steps = range(first, first + len(values))
        first += len(values)
        at_once.add_all(steps, values)
        for step, value in zip(steps, values, strict=True):
            if value is not None:
                one_by_one.add(step, value)
        assert _shown(at_once) == _shown(one_by_one)


def _shown(summary: Summary) -> str:
    """NaN is NaN here; which zero is the smaller one is left open."""
    shown = copy(summary)
    for name in ("min", "max"):
        value = getattr(shown, name)
        setattr(shown, name, 0.0 if value is not None and math.isclose(value, 0.0) else value)
    return repr(shown)
