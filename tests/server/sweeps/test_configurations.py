"""From a space to its grid, and from the parameters of a trial to its jobs."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hessianfree_lab.records.spaces import Dimension
from hessianfree_lab.sweeps.configurations import grid, grid_size, jobs_of, set_at, values_of
from server.makers import spec, sweep


def dimension(**settings: Any) -> Dimension:
    return Dimension.model_validate(settings)


choices = st.lists(
    st.integers(-5, 5) | st.booleans() | st.text(max_size=3), min_size=1, max_size=4, unique_by=repr
)
whole = st.tuples(st.integers(-20, 20), st.integers(1, 12), st.integers(1, 5)).map(
    lambda t: {"low": t[0], "high": t[0] + t[1], "step": min(t[2], t[1])}
)
tenths = st.tuples(st.integers(-50, 50), st.integers(2, 30), st.integers(1, 9)).map(
    lambda t: {"low": t[0] / 10, "high": (t[0] + t[1]) / 10, "step": min(t[2], t[1] - 1) / 10}
)
dimensions = (choices.map(lambda c: {"choices": c}) | whole | tenths).map(Dimension.model_validate)
spaces = st.dictionaries(st.sampled_from(["a.x", "a.y", "b.z"]), dimensions, min_size=1)


@given(dimensions)
def test_values_are_all_there_within_bounds_and_once(found: Dimension) -> None:
    values = values_of(found)
    assert values
    assert len({repr(value) for value in values}) == len(values)
    if found.choices is None:
        numbers: Any = values
        assert numbers[0] == found.low
        assert found.low <= min(numbers) <= max(numbers) <= found.high
        assert found.high - numbers[-1] < found.step
        assert numbers == sorted(numbers)
        assert {type(number) for number in numbers} == {type(found.low)}


@given(spaces, st.data())
def test_a_grid_has_every_combination_once_and_can_be_read_in_parts(
    space: dict[str, Dimension], data: Any
) -> None:
    size = grid_size(space)
    assert size is not None
    whole_grid = list(grid(space, 0, size))
    wanted = itertools.product(*(values_of(found) or [] for found in space.values()))
    assert [tuple(params.values()) for params in whole_grid] == list(wanted)
    assert all(list(params) == list(space) for params in whole_grid)
    cut = data.draw(st.integers(0, size))
    assert [*grid(space, 0, cut), *grid(space, cut, size)] == whole_grid


def test_steps_are_counted_as_they_are_written() -> None:
    assert values_of(dimension(low=0.1, high=0.5, step=0.1)) == [0.1, 0.2, 0.3, 0.4, 0.5]


@pytest.mark.parametrize("found", [{"low": 0.1, "high": 1.0}, {"low": 1, "high": 9, "log": True}])
def test_a_range_without_steps_has_no_end(found: dict[str, Any]) -> None:
    assert grid_size({"a.x": dimension(choices=[1]), "a.y": dimension(**found)}) is None


def test_values_are_set_deep_inside_and_the_job_is_left_alone() -> None:
    job = {"budget": {"steps": 1}, "problem_params": {"shape": {"kind": "round"}}, "optimizer_params": None}
    changed = set_at(
        job, {"problem_params.shape.size": 3, "optimizer_params.damping": 0.5, "dtype": "float64"}
    )
    assert changed == {
        "budget": {"steps": 1},
        "problem_params": {"shape": {"kind": "round", "size": 3}},
        "optimizer_params": {"damping": 0.5},
        "dtype": "float64",
    }
    assert job == {
        "budget": {"steps": 1},
        "problem_params": {"shape": {"kind": "round"}},
        "optimizer_params": None,
    }


def test_a_trial_is_a_job_for_every_seed() -> None:
    space = {"optimizer_params.damping": [0.5], "budget.steps": [3]}
    search = {"method": "grid", "space": space}
    asked = sweep(base=spec(tags=["tuned"], seed=9), seeds=[1, 2], search=search)
    jobs = jobs_of(asked, "mine", 7, {"optimizer_params.damping": 0.5, "budget.steps": 3})
    assert [job.seed for job in jobs] == [1, 2]
    assert [job.name for job in jobs] == ["mine #7 seed 1", "mine #7 seed 2"]
    assert {(job.optimizer_params["damping"], job.budget.steps, job.tags[0]) for job in jobs} == {
        (0.5, 3, "tuned")
    }
    (only,) = jobs_of(sweep(base=spec(seed=9)), "mine", 7, {"optimizer_params.damping": 0.5})
    assert (only.name, only.seed) == ("mine #7", 9)


RIVALS = {
    "optimizer": dimension(choices=["adam", "hessianfree", "sgd"]),
    "optimizer_params.every": dimension(
        choices=[1, 5], when={"optimizer_params.preconditioner": "kfac", "optimizer": "hessianfree"}
    ),
    "optimizer_params.preconditioner": dimension(choices=[None, "kfac"], when={"optimizer": ["hessianfree"]}),
    "rate": dimension(path="optimizer_params.lr", choices=[0.1, 0.2], when={"optimizer": ["adam", "sgd"]}),
    "dtype": dimension(choices=["float32", "float64"]),
}


def test_a_grid_has_every_combination_of_what_applies_together() -> None:
    found = list(grid(RIVALS, 0, 100))
    assert grid_size(RIVALS) == len(found) == 2 * (2 + (1 + 2) + 2)
    assert found[:2] == [
        {"optimizer": "adam", "rate": 0.1, "dtype": "float32"},
        {"optimizer": "adam", "rate": 0.1, "dtype": "float64"},
    ]
    every, conditioner = "optimizer_params.every", "optimizer_params.preconditioner"
    of_hf = [params for params in found if params["optimizer"] == "hessianfree"]
    assert [(params.get(every), params[conditioner]) for params in of_hf[::2]] == [
        (None, None),
        (1, "kfac"),
        (5, "kfac"),
    ]
    assert len({repr(params) for params in found}) == len(found)
    assert [*grid(RIVALS, 0, 5), *grid(RIVALS, 5, 100)] == found


def test_a_grid_too_large_to_count_is_not_counted_to_its_end() -> None:
    many = {f"a.{name}": dimension(choices=list(range(1000))) for name in "xyz"}
    last = dimension(choices=[1], when={"a.x": 1, "a.y": 1, "a.z": 1})
    assert (grid_size(many | {"b.z": last}) or 0) > 10_000


def test_a_trial_is_a_job_with_what_its_optimizer_has() -> None:
    search = {"method": "random", "space": {name: found.model_dump() for name, found in RIVALS.items()}}
    asked = sweep(search=search, optimizers={"adam": {"beta": 0.5}, "hessianfree": {"damping": 2.0}})
    (adam,) = jobs_of(asked, "mine", 0, {"optimizer": "adam", "rate": 0.2, "dtype": "float64"})
    assert (adam.optimizer, adam.optimizer_params) == ("adam", {"beta": 0.5, "lr": 0.2})
    assert adam.dtype == "float64"
    (hf,) = jobs_of(asked, "mine", 1, {"optimizer": "hessianfree", "optimizer_params.preconditioner": None})
    assert hf.optimizer_params == {"damping": 2.0, "preconditioner": None}
    (sgd,) = jobs_of(asked, "mine", 2, {"optimizer": "sgd", "rate": 0.1})
    assert sgd.optimizer_params == {"lr": 0.1}
