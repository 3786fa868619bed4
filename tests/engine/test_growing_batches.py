"""Batches that grow: how many cases, which ones, and the same ones again."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine import problems
from hessianfree.batches import GrowingBatches
from hessianfree.optimizer import HessianFree

CASES = 100


def numbered(**settings):
    """Batches of cases that are their own numbers."""
    numbers = torch.arange(CASES)
    return GrowingBatches(numbers, -numbers, **{"first": 10, **settings})


def cases(batches):
    """The numbers of the cases in a list of batches, each with its own target."""
    for inputs, targets in batches:
        assert torch.equal(inputs, -targets)
    return torch.cat([inputs for inputs, _ in batches]).tolist()


@given(
    first=st.integers(1, CASES),
    growth=st.floats(1.0, 3.0),
    curvature_share=st.floats(0.01, 1.0),
    judge_share=st.floats(1.0, 5.0),
)
def test_every_list_has_its_share_of_cases_and_none_twice(first, growth, curvature_share, judge_share):
    batches = numbered(first=first, growth=growth, curvature_share=curvature_share, judge_share=judge_share)
    sizes = []
    for data in itertools.islice(batches, 8):
        gradient, curvature = cases(data.gradient), cases(data.curvature)
        judge = gradient if data.judge is None else cases(data.judge)
        assert set(curvature) <= set(gradient) <= set(judge)
        assert len(set(judge)) == len(judge)
        assert len(set(curvature)) == len(curvature) == math.ceil(curvature_share * len(gradient))
        assert len(judge) == math.ceil(judge_share * len(gradient)) or len(gradient) == CASES
        sizes.append(len(gradient))
    assert sizes == sorted(sizes)


def test_sizes_grow_by_the_factor_up_to_everything():
    sizes = [len(cases(data.gradient)) for data in itertools.islice(numbered(growth=2.0, judge_share=1.0), 6)]
    assert sizes == [10, 20, 40, 80, 100, 100]


def test_a_growth_beyond_all_floats_still_ends_at_everything():
    batches = numbered(growth=1e300, judge_share=1.0)
    assert [len(cases(data.gradient)) for data in itertools.islice(batches, 4)] == [10, 100, 100, 100]


def test_without_room_for_a_judge_the_gradient_takes_all_and_judges_itself():
    batches = numbered(first=40, growth=1.2, judge_share=2.0)
    sizes = [
        (len(cases(data.gradient)), data.judge and len(cases(data.judge)))
        for data in itertools.islice(batches, 3)
    ]
    assert sizes == [(40, 80), (48, 96), (CASES, None)]


def test_steps_and_seeds_differ():
    first, second = itertools.islice(numbered(), 2)
    other = next(numbered(seed=1))
    assert len({tuple(cases(data.gradient)) for data in (first, second, other)}) == 3


def test_no_batch_has_more_than_the_most_cases():
    data = next(numbered(most_cases=4, curvature_share=0.5))
    assert [len(inputs) for inputs, _ in data.gradient] == [4, 4, 2]
    assert [len(inputs) for inputs, _ in data.curvature] == [4, 1]


def test_it_goes_on_where_another_one_stopped():
    batches, resumed = numbered(seed=3, growth=1.5), numbered(growth=1.5)
    next(batches)
    next(batches)
    resumed.load_state_dict(batches.state_dict())
    assert cases(next(resumed).gradient) == cases(next(batches).gradient)


def test_torchs_random_numbers_stay_as_they_are():
    before = torch.get_rng_state()
    next(numbered())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("first", 0),
        ("first", CASES + 1),
        ("growth", 0.9),
        ("growth", math.inf),
        ("curvature_share", 0.0),
        ("curvature_share", 1.1),
        ("judge_share", 0.9),
        ("most_cases", 0),
    ],
)
def test_what_is_out_of_bounds_is_named_with_its_value(name, value):
    with pytest.raises(ValueError, match=f"{name} .*got {value}"):
        numbered(**{name: value})


def test_inputs_without_targets_are_refused():
    with pytest.raises(ValueError, match="got 3 and 2"):
        GrowingBatches(torch.zeros(3), torch.zeros(2), first=1)


def test_a_step_takes_the_lists_as_they_are():
    """All cases at once: the step is that of the whole data, to rounding, in whatever order they come."""
    problem, other = problems.make("mse"), problems.make("mse")
    data = next(GrowingBatches(problem.inputs, problem.targets, first=12, most_cases=5))
    opt, reference = HessianFree(problem.parameters), HessianFree(other.parameters)
    loss = opt.acc_step(problem.model, problem.loss_function, **data.lists)
    assert loss == pytest.approx(reference.step(other.forward), rel=1e-10)
