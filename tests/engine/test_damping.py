"""The Levenberg-Marquardt rule, and that the damping does not run away."""

import math
import warnings

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from engine import problems
from hessianfree.damping import LevenbergMarquardt
from hessianfree.optimizer import HessianFree
from hessianfree.records import Agreement

positive = st.floats(1e-8, 1e8)
ratios = st.floats(-1e3, 1e3)


@pytest.mark.parametrize(
    ("ratio", "factor"),
    [
        (-5.0, 3 / 2),
        (0.0, 3 / 2),
        (0.1, 3 / 2),
        (0.2499, 3 / 2),
        (0.25, 1.0),
        (0.5, 1.0),
        (0.75, 1.0),
        (0.7501, 2 / 3),
        (0.9, 2 / 3),
        (2.0, 2 / 3),
    ],
)
@pytest.mark.parametrize("damping", [1e-3, 1.0, 40.0])
def test_damping_follows_the_ratio(damping, ratio, factor):
    updated = LevenbergMarquardt().update(damping, Agreement(-ratio * 8.0, -8.0))
    assert updated == pytest.approx(damping * factor, rel=1e-12)


def test_ratio_is_actual_over_predicted():
    assert Agreement(actual=-1.0, predicted=-4.0).ratio == 0.25
    assert Agreement(actual=2.0, predicted=-4.0).ratio == -0.5
    assert math.isnan(Agreement(actual=1.0, predicted=0.0).ratio)


@given(damping=positive, ratio=ratios, other=ratios)
def test_the_better_the_model_the_lower_the_damping(damping, ratio, other):
    rule = LevenbergMarquardt()
    low, high = sorted([ratio, other])
    after_low = rule.update(damping, Agreement(-low, -1.0))
    after_high = rule.update(damping, Agreement(-high, -1.0))
    assert after_high <= after_low


@given(low=positive, high=positive, ratio=ratios)
def test_the_rule_keeps_the_order_of_dampings(low, high, ratio):
    rule = LevenbergMarquardt()
    low, high = sorted([low, high])
    agreement = Agreement(-ratio, -1.0)
    assert rule.update(low, agreement) <= rule.update(high, agreement)


@given(damping=positive, ratio=ratios, scale=positive)
def test_only_the_ratio_matters(damping, ratio, scale):
    """Up to its rounding: a ratio on a threshold may fall to either side."""
    assume(min(abs(ratio - 0.25), abs(ratio - 0.75)) > 1e-9)
    rule = LevenbergMarquardt()
    scaled = rule.update(damping, Agreement(-ratio * scale, -scale))
    assert scaled == rule.update(damping, Agreement(-ratio, -1.0))


@given(damping=positive, ratio=ratios)
def test_damping_stays_positive_and_moves_by_one_factor(damping, ratio):
    updated = LevenbergMarquardt().update(damping, Agreement(-ratio, -1.0))
    assert any(updated == pytest.approx(factor * damping, rel=1e-12) for factor in (2 / 3, 1.0, 3 / 2))


def test_no_predicted_change_leaves_it():
    assert LevenbergMarquardt().update(3.0, Agreement(0.0, 0.0)) == 3.0


def test_a_loss_that_is_no_number_is_distrust():
    assert LevenbergMarquardt().update(3.0, Agreement(math.nan, -1.0)) == 4.5


# In the optimizer


@pytest.mark.parametrize("name", ["mse", "cross-entropy", "coupled"])
@pytest.mark.parametrize("decay", [0.0, 0.95, 1.0])
def test_a_huge_damping_falls_at_every_step(decay, name):
    """The step is then so short that the function is its own tangent. The reduction is |g|^2 / damping and the damped
    quadratic promises half of that: the ratio is two, wherever CG started from.
    """
    problem = problems.make(name)
    opt = HessianFree(problem.parameters, damping=1e6, cg_decay_x0=decay)
    for _ in range(20):
        before = opt.param_groups[0]["damping"]
        opt.step(problem.forward)
        assert opt.last_report.reduction_ratio == pytest.approx(2.0, abs=0.01)
        assert opt.param_groups[0]["damping"] == pytest.approx(before * 2 / 3)


@pytest.mark.parametrize("name", ["mse", "cross-entropy", "coupled"])
def test_it_falls_again_after_it_has_risen(name):
    """The warm start then is that of the lower damping, far too long. Measured from it, the ratio is negative."""
    problem = problems.make(name)
    opt = HessianFree(problem.parameters)
    for _ in range(3):
        opt.step(problem.forward)
    opt.param_groups[0]["damping"] = 1e4
    for _ in range(15):
        before = opt.param_groups[0]["damping"]
        opt.step(problem.forward)
        assert opt.last_report.reduction_ratio > 1.5
        assert opt.param_groups[0]["damping"] == pytest.approx(before * 2 / 3)


def test_it_rises_one_and_a_half_fold_while_the_model_is_wrong():
    """A function whose curvature at zero promises a minimum that is not there."""
    x = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward():
        return (x + 0.5e-3 * x**2 + 10 * x**4).sum(), None

    opt = HessianFree([x], curvature_opt="hessian", damping=1e-3, use_linesearch=False, lr=0.0)
    for step in range(5):
        with pytest.warns(UserWarning, match="reduction ratio|rho"):
            opt.step(forward)
        assert opt.param_groups[0]["damping"] == pytest.approx(1e-3 * 1.5 ** (step + 1))


def test_damping_that_is_not_adapted_is_not_judged():
    """Neither changed nor warned about, however wrong the model is."""
    x = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward():
        return (x + 0.5e-3 * x**2 + 10 * x**4).sum(), None

    opt = HessianFree(
        [x], curvature_opt="hessian", damping=1e-3, adapt_damping=False, lr=0.0, use_linesearch=False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opt.step(forward)
    assert opt.param_groups[0]["damping"] == 1e-3


@pytest.mark.parametrize(("use_linesearch", "steps_taken"), [(False, 1), (True, 0)])
def test_a_warning_turned_into_an_error_leaves_a_whole_step_behind(use_linesearch, steps_taken):
    """Parameters, damping, history and CG start belong to one step, or to none, whichever line of it warned."""
    x = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward():
        return (x + 0.5e-3 * x**2 + 10 * x**4).sum(), None

    opt = HessianFree(
        [x], curvature_opt="hessian", damping=1e-3, use_cg_backtracking=False, use_linesearch=use_linesearch
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning):
            opt.step(forward)
    taken = len(opt.state["init_losses"])
    assert taken == steps_taken
    assert bool((x != 0).any()) == (taken == 1)
    assert (opt.param_groups[0]["damping"] != 1e-3) == (taken == 1)
    assert bool(opt.state["x0"].any()) == (taken == 1)
