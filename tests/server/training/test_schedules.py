"""Learning rates and momenta in the course of a job, against their formulas."""

import math

import pytest

from hessianfree_lab.errors import InvalidRequest
from hessianfree_lab.records import Budget
from hessianfree_lab.training.optimizers.schedules import ScheduledParams
from hessianfree_lab.training.optimizers.sgd import SGDParams
from hessianfree_lab.training.progress import Progress
from server.training.sessions import records_of, session

STEPS = 12


def rates(optimizer="sgd", steps=STEPS, metric="step_scale", budget=None, problem="rosenbrock", **params):
    """What the records say that each step had."""
    running = session(problem, optimizer, budget=budget or {"steps": steps}, optimizer_params=params)
    return [record.metrics[metric] for record in records_of(running)]


@pytest.mark.parametrize(
    ("schedule", "formula"),
    [
        ("constant", lambda s: 1.0),
        ("cosine", lambda s: 0.1 + 0.9 * math.cos(math.pi * s / 2) ** 2),
        ("linear", lambda s: 1 - 0.9 * s),
        ("exponential", lambda s: math.exp(s * math.log(0.1))),
        ("step", lambda s: 1.0 if s < 1 / 3 else 0.1**0.5 if s < 2 / 3 else 0.1),
    ],
)
def test_a_rate_falls_as_its_formula_says(schedule, formula):
    found = rates(lr=1e-4, lr_schedule=schedule, lr_end=0.1)
    assert found == pytest.approx([1e-4 * formula(step / STEPS) for step in range(STEPS)])


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "soap"])
def test_every_first_order_method_has_a_schedule(optimizer):
    found = rates(optimizer, steps=3, lr=1e-3, lr_schedule="linear", lr_end=0.25)
    assert found == pytest.approx([1e-3, 0.75e-3, 0.5e-3])


def test_kfac_scales_the_step_of_its_model_by_the_schedule():
    schedule = {"lr": 0.8, "lr_schedule": "linear", "lr_end": 0.25}
    found = rates("kfac", steps=3, problem="digits-classifier", **schedule)
    assert found == pytest.approx([0.8, 0.6, 0.4])
    running = session("digits-classifier", "kfac", 4, optimizer_params=schedule)
    steps = iter(running)
    next(steps)
    running.apply({"lr": 0.4})
    assert next(steps)[0].metrics["step_scale"] == pytest.approx(0.4 * 0.8125)


def test_a_warm_up_comes_before_the_fall():
    found = rates(lr=1e-4, lr_schedule="linear", lr_end=0.2, lr_warmup=1 / 3)
    rise = [0.01 + 0.99 * step / 4 for step in range(4)]
    fall = [1 - 0.8 * step / 8 for step in range(8)]
    assert found == pytest.approx([1e-4 * factor for factor in rise + fall])


def test_a_schedule_in_steps_ends_before_the_budget_does():
    found = rates(lr=1e-4, lr_schedule="linear", lr_end=0.5, lr_steps=4)
    assert found == pytest.approx([1e-4 * factor for factor in (1, 0.875, 0.75, 0.625, *[0.5] * 8)])


def test_the_drops_are_where_they_are_meant_to_be():
    """Shares such as 3/7 * 7 must not fall short of whole numbers."""
    for drops in range(1, 40):
        params = ScheduledParams(lr=1.0, lr_schedule="step", lr_drops=drops, lr_steps=drops + 1)
        found = [params.rate(Progress(steps=step)) for step in range(drops + 2)]
        expected = [0.01 ** (step / drops) for step in range(drops + 1)]
        assert found == pytest.approx([*expected, 0.01])


def test_a_budget_in_seconds_is_followed_too():
    both = Budget(steps=100, seconds=10)
    assert Progress.within(both, steps=20, seconds=1.0).share(None) == 0.2
    assert Progress.within(both, steps=20, seconds=4.0).share(None) == 0.4
    assert Progress.within(both, steps=20, seconds=40.0).share(None) == 1.0
    assert Progress.within(Budget(steps=None, seconds=8), steps=20, seconds=2.0).share(None) == 0.25
    found = rates(budget={"steps": None, "seconds": 0.05}, lr=1e-6, lr_schedule="linear")
    assert found[0] == 1e-6
    assert found == sorted(found, reverse=True)
    assert found[-1] < found[0]


@pytest.mark.parametrize(
    "params", [{"lr_schedule": "cosine"}, {"lr_warmup": 0.1}, {"momentum_at_end": 0.5, "momentum": 0.9}]
)
def test_a_schedule_needs_something_to_go_by(params):
    endless = {"steps": None, "target_loss": 1e-9}
    with pytest.raises(
        InvalidRequest, match="needs a number there, or a budget of steps or seconds"
    ) as refused:
        session("rosenbrock", "sgd", budget=endless, optimizer_params=params)
    assert refused.value.faults[0].path == "optimizer_params.lr_steps"
    session("rosenbrock", "sgd", budget=endless, optimizer_params=params | {"lr_steps": 5})
    running = session("rosenbrock", "sgd", optimizer_params=params)
    with pytest.raises(InvalidRequest, match=r"settings\.lr_steps"):
        running.apply({"budget": endless})
    assert running.budget.steps == 3, "all or nothing"


def test_a_schedule_follows_what_is_set_while_the_job_runs():
    running = session(
        "rosenbrock", "sgd", 4, optimizer_params={"lr": 1e-4, "lr_schedule": "linear", "lr_end": 0.5}
    )
    steps = iter(running)
    found = [next(steps)[0].metrics["step_scale"]]
    running.apply({"lr": 2e-4})
    found.append(next(steps)[0].metrics["step_scale"])
    running.apply({"budget": {"steps": 8}})
    found.append(next(steps)[0].metrics["step_scale"])
    assert found == pytest.approx([1e-4, 2e-4 * 0.875, 2e-4 * 0.875])


def test_momentum_grows_as_in_the_paper_and_is_lower_at_the_end():
    params = SGDParams(
        momentum=0.99,
        momentum_schedule="growing",
        momentum_at_end=0.9,
        momentum_end_share=0.1,
        lr_steps=20_000,
    )
    for step in (0, 249, 250, 499, 500, 1_250, 12_249, 12_500, 17_999):
        expected = min(1 - 2 ** (-1 - math.log2(math.floor(step / 250) + 1)), 0.99)
        assert params.momentum_of(Progress(steps=step)) == pytest.approx(expected, rel=1e-12)
    assert params.momentum_of(Progress(steps=18_000)) == params.momentum_of(Progress(steps=30_000)) == 0.9


def test_the_records_tell_the_momentum():
    schedule = {"momentum_schedule": "growing", "momentum_period": 1, "momentum_at_end": 0.25}
    found = rates(steps=6, metric="momentum", lr=1e-5, momentum=0.8, momentum_end_share=0.2, **schedule)
    assert found == pytest.approx([1 / 2, 3 / 4, 0.8, 0.8, 0.8, 0.25])
