"""Choosing among CG iterates, exhaustively and from the end."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hessianfree.cg_backtracking import cg_backtracking, cg_efficient_backtracking

BOTH = pytest.mark.parametrize("backtrack", [cg_backtracking, cg_efficient_backtracking])


def recorded(function):
    calls = []

    def f(step):
        calls.append(step)
        return function(step)

    return f, calls


@BOTH
def test_plain_numbers_will_do(backtrack):
    assert backtrack(lambda x: (x - 3) ** 2, [0, 1, 2, 3, 4, 5]) == (3, 0)


@BOTH
def test_tensors_will_do(backtrack):
    steps = [torch.full((2,), float(i)) for i in range(5)]
    index, value = backtrack(lambda x: ((x - 2) ** 2).sum(), steps)
    assert (index, float(value)) == (2, 0.0)


@BOTH
def test_entries_that_were_not_kept_are_passed_over(backtrack):
    f, calls = recorded(lambda x: (x - 3) ** 2)
    assert backtrack(f, [None, 1, None, None, 4, 6]) == (4, 1)
    assert None not in calls


@BOTH
def test_the_index_counts_entries_that_were_not_kept(backtrack):
    assert backtrack(lambda x: x, [None, None, 7]) == (2, 7)


@BOTH
def test_one_entry(backtrack):
    assert backtrack(lambda x: 2 * x, [5]) == (0, 10)


def test_exhaustive_finds_the_best_across_a_hill():
    values = [1, 0, 5, 3, 4]
    f, calls = recorded(lambda i: values[i])
    assert cg_backtracking(f, [0, 1, 2, 3, 4]) == (1, 0)
    assert sorted(calls) == [0, 1, 2, 3, 4]


def test_efficient_stops_at_the_first_that_is_no_improvement():
    values = [1, 0, 5, 3, 4]
    f, calls = recorded(lambda i: values[i])
    assert cg_efficient_backtracking(f, [0, 1, 2, 3, 4]) == (3, 3)
    assert calls == [4, 3, 2]


def test_efficient_takes_equal_for_no_improvement():
    f, calls = recorded(lambda _: 1.0)
    assert cg_efficient_backtracking(f, [0, 1, 2]) == (2, 1.0)
    assert calls == [2, 1]


def test_efficient_keeps_the_last_if_it_is_best():
    f, calls = recorded(lambda x: -x)
    assert cg_efficient_backtracking(f, [0, 1, 2]) == (2, -2)
    assert calls == [2, 1]


@BOTH
@pytest.mark.parametrize(
    "values", [[math.nan, 1.0, 2.0], [math.nan, 1.0], [1.0, math.nan], [math.nan, 1.0, math.inf]]
)
def test_a_loss_that_is_no_number_is_never_chosen(values, backtrack):
    """Iterates may have left the function's domain."""
    index, value = backtrack(lambda i: values[i], list(range(len(values))))
    assert value == values[index] == 1.0


def test_a_loss_that_is_no_number_is_no_improvement():
    values = [0.5, math.nan, 1.0]
    assert cg_efficient_backtracking(lambda i: values[i], [0, 1, 2]) == (2, 1.0)
    assert cg_backtracking(lambda i: values[i], [0, 1, 2]) == (0, 0.5)


def test_efficient_walks_on_from_a_last_loss_that_is_no_number():
    values = [3.0, 1.0, 2.0, math.nan]
    assert cg_efficient_backtracking(lambda i: values[i], [0, 1, 2, 3]) == (1, 1.0)


@BOTH
def test_verbose_prints_and_otherwise_nothing(backtrack, capsys):
    backtrack(lambda x: x, [1, 2])
    assert capsys.readouterr().out == ""
    backtrack(lambda x: x, [1, 2], verbose=True)
    assert capsys.readouterr().out != ""


@BOTH
def test_nothing_kept_is_an_error(backtrack):
    with pytest.raises(ValueError, match="steps_list"):
        backtrack(lambda x: x, [None, None])


@given(st.lists(st.none() | st.integers(-50, 50), min_size=1).filter(lambda steps: steps[-1] is not None))
def test_efficient_never_ends_above_the_last_nor_below_the_best(steps):
    def f(x):
        return x * x

    best_index, best = cg_backtracking(f, steps)
    index, value = cg_efficient_backtracking(f, steps)
    assert best == min(f(x) for x in steps if x is not None) == f(steps[best_index])
    assert best <= value <= f(steps[-1])
    assert value == f(steps[index])
