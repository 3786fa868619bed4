"""Several parameter groups, each with a damping and a learning rate of its own."""

import pytest
import torch

from engine import problems
from hessianfree.optimizer import HessianFree


def in_two(problem, first=None, second=None):
    return [
        {"params": problem.parameters[:2], **(first or {})},
        {"params": problem.parameters[2:], **(second or {})},
    ]


def of_each_group(problem, first, second):
    """A vector `[P]` with one value in the entries of each group."""
    split = sum(p.numel() for p in problem.parameters[:2] if p.requires_grad)
    values = torch.full((problem.dimension,), second, dtype=torch.float64)
    values[:split] = first
    return values


def damped_solution(problem, dampings):
    return torch.linalg.solve(problem.dense_ggn() + torch.diag(dampings), -problem.dense_gradient())


@pytest.mark.parametrize("name", ["mse", "frozen"])
def test_equal_groups_are_one(name):
    one, two = problems.make(name), problems.make(name)
    opt_one, opt_two = HessianFree(one.parameters), HessianFree(in_two(two))
    for _ in range(4):
        assert opt_two.step(two.forward) == opt_one.step(one.forward)
    assert torch.equal(two.vector(), one.vector())
    assert [group["damping"] for group in opt_two.param_groups] == 2 * [opt_one.param_groups[0]["damping"]]


def test_each_group_has_its_own_damping():
    problem = problems.make("mse")
    before = problem.vector()
    expected = damped_solution(problem, of_each_group(problem, 0.5, 20.0))
    opt = HessianFree(
        in_two(problem, {"damping": 0.5}, {"damping": 20.0}),
        use_cg_backtracking=False,
        use_linesearch=False,
        adapt_damping=False,
    )
    opt.step(problem.forward)
    torch.testing.assert_close(problem.vector() - before, expected, rtol=1e-4, atol=1e-5)
    assert [group["damping"] for group in opt.param_groups] == [0.5, 20.0]


def test_dampings_move_by_one_factor():
    problem = problems.make("mse")
    opt = HessianFree(in_two(problem, {"damping": 3.0}, {"damping": 20.0}))
    opt.step(problem.forward)
    assert opt.last_report.reduction_ratio > 0.75
    assert [group["damping"] for group in opt.param_groups] == pytest.approx([2.0, 40 / 3])
    assert opt.last_report.damping == 3.0


def test_the_ratio_is_of_the_quadratic_with_all_dampings():
    problem = problems.make("mse")
    dampings = of_each_group(problem, 3.0, 20.0)
    x = damped_solution(problem, dampings)
    g, origin = problem.dense_gradient(), problem.vector()
    predicted = 0.5 * x @ (problem.dense_ggn() @ x + dampings * x) + g @ x
    expected = (problem.loss_at(origin + x) - problem.loss_at(origin)) / predicted
    opt = HessianFree(in_two(problem, {"damping": 3.0}, {"damping": 20.0}))
    opt.step(problem.forward)
    assert opt.last_report.reduction_ratio == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("use_linesearch", [False, True])
def test_each_group_has_its_own_learning_rate(use_linesearch):
    problem = problems.make("mse")
    before = problem.vector()
    expected = of_each_group(problem, 0.2, 0.6) * damped_solution(problem, of_each_group(problem, 2.0, 2.0))
    opt = HessianFree(
        in_two(problem, {"lr": 0.2}, {"lr": 0.6}),
        damping=2.0,
        use_cg_backtracking=False,
        use_linesearch=use_linesearch,
    )
    final = opt.step(problem.forward)
    torch.testing.assert_close(problem.vector() - before, expected, rtol=1e-4, atol=1e-5)
    assert final == problem.forward()[0].item()
    assert opt.last_report.step_norm == pytest.approx((problem.vector() - before).norm().item())


def test_armijos_condition_holds_for_the_step_that_is_taken():
    """The slope is that of the step bent by the learning rates, not of CG's."""
    problem = problems.make("mse-sum")
    before, g, loss = problem.vector(), problem.dense_gradient(), problem.forward()[0].item()
    opt = HessianFree(in_two(problem, {"lr": 9.0}, {"lr": 3.0}), damping=2.0, adapt_damping=False)
    final = opt.step(problem.forward)
    assert opt.last_report.step_scale < 9.0
    assert final <= loss + 1e-2 * (g @ (problem.vector() - before)).item()


def test_a_group_at_rate_zero_stays():
    problem = problems.make("mse")
    before = [p.detach().clone() for p in problem.parameters]
    opt = HessianFree(in_two(problem, {"lr": 0.0}))
    opt.step(problem.forward)
    moved = [not torch.equal(p.detach(), old) for p, old in zip(problem.parameters, before, strict=True)]
    assert moved == [False, False, True, True]


def test_a_group_may_be_added_and_a_layer_frozen_between_steps():
    """The CG start of another dimension is of no use then, and must not break anything."""
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters[2:])
    opt.step(problem.forward)
    opt.add_param_group({"params": problem.parameters[:2], "damping": 5.0})
    first = opt.step(problem.forward)
    problem.parameters[0].requires_grad_(False)
    second = opt.step(problem.forward)
    assert second < first
    assert opt.state["x0"].shape == (problem.dimension,)


@pytest.mark.parametrize("setting", [{"damping": -1.0}, {"lr": -0.5}])
def test_a_groups_own_setting_is_checked_too(setting):
    problem = problems.make("mse")
    with pytest.raises(ValueError, match=next(iter(setting))):
        HessianFree(in_two(problem, setting))
    opt = HessianFree(problem.parameters[2:])
    with pytest.raises(ValueError, match=next(iter(setting))):
        opt.add_param_group({"params": problem.parameters[:2], **setting})
