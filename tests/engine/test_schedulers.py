"""torch's learning-rate schedulers: lr is the initial scale of a step. Warnings are errors here, theirs too."""

import pytest
import torch
from torch.optim import lr_scheduler

from engine import problems
from engine.runs import advance
from hessianfree import HessianFree

WAYS = pytest.mark.parametrize("way", ["forward", "model"])
FIXED = {"use_linesearch": False, "damping": 10.0}

SCHEDULES = {
    "StepLR": (lambda opt: lr_scheduler.StepLR(opt, step_size=2, gamma=0.5), [0.8, 0.8, 0.4, 0.4, 0.2]),
    "LambdaLR": (
        lambda opt: lr_scheduler.LambdaLR(opt, lambda epoch: 1 / (1 + epoch)),
        [0.8, 0.4, 0.8 / 3, 0.2],
    ),
    "CosineAnnealingLR": (lambda opt: lr_scheduler.CosineAnnealingLR(opt, T_max=2), [0.8, 0.4, 0.0]),
    "LinearLR": (lambda opt: lr_scheduler.LinearLR(opt, 0.25, 1.0, total_iters=3), [0.2, 0.4, 0.6, 0.8]),
    "SequentialLR": (
        lambda opt: lr_scheduler.SequentialLR(
            opt,
            [lr_scheduler.ConstantLR(opt, 0.5, total_iters=9), lr_scheduler.ExponentialLR(opt, 0.5)],
            milestones=[2],
        ),
        [0.4, 0.4, 0.8, 0.4],
    ),
    "ChainedScheduler": (
        lambda opt: lr_scheduler.ChainedScheduler(
            [lr_scheduler.ExponentialLR(opt, 0.5), lr_scheduler.ExponentialLR(opt, 0.5)]
        ),
        [0.8, 0.2, 0.05],
    ),
}


@WAYS
@pytest.mark.parametrize("name", SCHEDULES)
def test_the_step_is_scaled_as_scheduled(name, way):
    make, rates = SCHEDULES[name]
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, lr=0.8, **FIXED)
    schedule = make(opt)
    for _ in rates:
        advance(opt, problem, way)
        schedule.step()
    assert opt.state["learning_rates"] == pytest.approx(rates)


@WAYS
def test_a_line_search_starts_there(way):
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, lr=0.8, damping=10.0)
    schedule = lr_scheduler.StepLR(opt, step_size=1, gamma=0.5)
    for rate in (0.8, 0.4, 0.2):
        advance(opt, problem, way)
        assert opt.last_trace.line_search[0][0] == rate
        schedule.step()


@WAYS
def test_a_plateau_lowers_the_rate(way):
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, lr=0.8, **FIXED)
    schedule = lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=0)
    for metric in (1.0, 2.0, 3.0):
        advance(opt, problem, way)
        schedule.step(metric)
    assert opt.param_groups[0]["lr"] == 0.2


@WAYS
@pytest.mark.parametrize("switches", [{}, {"use_linesearch": False}, {"reject_worse": True}], ids=str)
def test_a_rate_of_zero_is_a_step_of_scale_zero(switches, way):
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, **switches)
    schedule = lr_scheduler.LambdaLR(opt, lambda epoch: float(epoch != 1))
    advance(opt, problem, way)
    schedule.step()
    before = problem.vector()
    loss = advance(opt, problem, way)
    assert loss == opt.last_report.loss
    assert (opt.last_report.step_scale, opt.last_report.accepted) == (0.0, False)
    assert opt.last_report.rejection == "the learning rate is 0"
    assert torch.equal(problem.vector(), before)
    schedule.step()
    assert advance(opt, problem, way) < loss


def test_groups_are_scheduled_each_on_its_own():
    problem = problems.make("mse")
    groups = [{"params": problem.parameters[:2], "lr": 0.2}, {"params": problem.parameters[2:], "lr": 0.6}]
    opt = HessianFree(groups, **FIXED)
    schedule = lr_scheduler.LambdaLR(opt, [lambda epoch: 0.0, lambda epoch: 1.0])
    before = problem.vector()
    opt.step(problem.forward)
    schedule.step()
    split = sum(p.numel() for p in problem.parameters[:2])
    moved = problem.vector() != before
    assert not moved[:split].any()
    assert moved[split:].all()


def test_a_schedule_goes_on_from_a_checkpoint():
    problem, other = problems.make("mse"), problems.make("mse")
    opt = HessianFree(problem.parameters, lr=0.8, **FIXED)
    schedule = lr_scheduler.StepLR(opt, step_size=2, gamma=0.5)
    for _ in range(3):
        opt.step(problem.forward)
        schedule.step()
    other.model.load_state_dict(problem.model.state_dict())
    resumed = HessianFree(other.parameters, lr=0.8, **FIXED)
    resumed_schedule = lr_scheduler.StepLR(resumed, step_size=2, gamma=0.5)
    resumed.load_state_dict(opt.state_dict())
    resumed_schedule.load_state_dict(schedule.state_dict())
    for _ in range(3):
        assert resumed.step(other.forward) == opt.step(problem.forward)
        schedule.step()
        resumed_schedule.step()


def test_a_schedule_before_the_first_step_is_warned_of_as_ever():
    """The mark that keeps schedulers quiet after an accumulated step is not set before one."""
    opt = HessianFree(problems.make("mse").parameters)
    schedule = lr_scheduler.StepLR(opt, step_size=1)
    with pytest.warns(UserWarning, match="before"):
        schedule.step()
