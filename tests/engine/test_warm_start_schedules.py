"""Warm starts that change from step to step, and the momentum-like method that they make."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine import problems, reference
from hessianfree import HessianFree, Method
from hessianfree.method import momentum_like
from hessianfree.warm_start import MomentumSchedule


def test_the_share_halves_its_distance_to_one_as_the_periods_double():
    schedule = MomentumSchedule(most=1.0, period=10)
    assert [schedule(step) for step in (0, 9, 10, 30, 70)] == [0.5, 0.5, 0.75, 0.875, 0.9375]


@given(most=st.floats(0, 1), period=st.integers(1, 1000), step=st.integers(0, 10**6))
def test_the_share_grows_up_to_its_bound(most, period, step):
    schedule = MomentumSchedule(most=most, period=period)
    assert 0 <= schedule(step) <= schedule(step + 1) <= most


@pytest.mark.parametrize(("setting", "value"), [("most", -0.1), ("most", 1.1), ("period", 0)])
def test_what_is_out_of_bounds_is_named_with_its_value(setting, value):
    with pytest.raises(ValueError, match=f"{setting} must.*got {value}"):
        MomentumSchedule(**{setting: value})


def test_the_next_solve_starts_from_the_share_of_the_step():
    problem = problems.make("mse")
    opt = HessianFree.from_method(problem.parameters, Method(warm_start=lambda step: 0.1 * step))
    plain_problem = problems.make("mse")
    plain = HessianFree(plain_problem.parameters, cg_decay_x0=1.0)
    opt.step(problem.forward)
    plain.step(plain_problem.forward)
    assert not opt.state["x0"].any()
    plain.state["x0"].zero_()
    opt.step(problem.forward)
    plain.step(plain_problem.forward)
    assert torch.equal(opt.state["x0"], 0.1 * plain.state["x0"])


def test_a_schedule_goes_on_after_a_resumption():
    method = Method(warm_start=MomentumSchedule(period=1))
    problem, other = problems.make("mse"), problems.make("mse")
    opt, restored = (HessianFree.from_method(p.parameters, method) for p in (problem, other))
    for _ in range(3):
        opt.step(problem.forward)
    other.model.load_state_dict(problem.model.state_dict())
    restored.load_state_dict(opt.state_dict())
    for _ in range(2):
        assert restored.step(other.forward) == opt.step(problem.forward)
    assert torch.equal(restored.state["x0"], opt.state["x0"])


@pytest.mark.filterwarnings("ignore:The reduction ratio")
def test_momentum_like_steps_are_a_few_iterations_from_the_decayed_last_one():
    """Against dense CG: the step is the last iterate, also where the loss rises or an earlier one is better."""
    problem = problems.make("mse")
    method = momentum_like(cg_iterations=8, warm_start=lambda step: 0.9)
    opt = HessianFree.from_method(problem.parameters, method, damping=1e-4)
    velocity = torch.zeros(problem.dimension, dtype=torch.float64)
    has_risen = False
    for _ in range(4):
        origin, damping = problem.vector(), opt.param_groups[0]["damping"]
        A = problem.dense_ggn() + damping * torch.eye(problem.dimension, dtype=torch.float64)
        iterates, *_ = reference.conjugate_gradient(A, -problem.dense_gradient(), 0.9 * velocity, max_iter=8)
        velocity = iterates[-1]
        opt.step(problem.forward)
        has_risen = has_risen or opt.last_report.loss_after > opt.last_report.loss
        torch.testing.assert_close(problem.vector() - origin, velocity, rtol=1e-6, atol=1e-9)
    assert has_risen
