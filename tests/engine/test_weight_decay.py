"""Weight decay is part of the function that is minimized: of loss, gradient, curvature and every trial."""

import pytest
import torch

from engine import problems
from engine.runs import SWITCHES, advance
from hessianfree import HessianFree

PLAIN = {"use_cg_backtracking": False, "use_linesearch": False, "adapt_damping": False}


def in_two(problem, first, second):
    return [{"params": problem.parameters[:2], **first}, {"params": problem.parameters[2:], **second}]


def by_group(problem, first, second):
    """A vector `[P]` with one value in the entries of each group."""
    split = sum(p.numel() for p in problem.parameters[:2] if p.requires_grad)
    values = torch.full((problem.dimension,), second, dtype=torch.float64)
    values[:split] = first
    return values


def penalty(problem, weights):
    return 0.5 * (weights * problem.vector() ** 2).sum().item()


def with_penalty_inside(problem, weights):
    """The same function, the penalty written into the closure."""

    def forward():
        loss, _ = problem.forward()
        vector = torch.cat([p.reshape(-1) for p in problem.trainable])
        return loss + 0.5 * (weights * vector**2).sum(), None

    return forward


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("decays", [(0.3, 0.3), (0.5, 0.0), (0.0, 2.0)])
def test_the_step_solves_the_penalized_system(curvature_opt, decays):
    problem = problems.make("mse")
    before, weights = problem.vector(), by_group(problem, *decays)
    damped = problem.dense(curvature_opt) + torch.diag(weights + 2.0)
    expected = torch.linalg.solve(damped, -(problem.dense_gradient() + weights * before))
    groups = in_two(problem, {"weight_decay": decays[0]}, {"weight_decay": decays[1]})
    opt = HessianFree(groups, curvature_opt, damping=2.0, **PLAIN)
    opt.step(problem.forward)
    torch.testing.assert_close(problem.vector() - before, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_it_is_the_penalty_written_into_the_closure(switches):
    """Ratio, backtracking, line search, damping, all of it."""
    problem, other = problems.make("mse"), problems.make("mse")
    weights = by_group(problem, 0.4, 0.1)
    settings = {"curvature_opt": "hessian", "damping": 8.0, "lr": 1.5, **switches}
    groups = in_two(problem, {"weight_decay": 0.4}, {"weight_decay": 0.1})
    opt, reference = HessianFree(groups, **settings), HessianFree(other.parameters, **settings)
    for _ in range(4):
        final = opt.step(problem.forward)
        assert final == pytest.approx(reference.step(with_penalty_inside(other, weights)), rel=1e-10)
        if switches["adapt_damping"]:
            ratio = reference.last_report.reduction_ratio
            assert opt.last_report.reduction_ratio == pytest.approx(ratio, rel=1e-6)
        assert opt.last_report.damping == reference.last_report.damping
        assert opt.last_report.step_scale == reference.last_report.step_scale
        assert opt.last_report.gradient_norm == pytest.approx(reference.last_report.gradient_norm, rel=1e-9)
    torch.testing.assert_close(problem.vector(), other.vector(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("way", ["forward", "model"])
def test_what_is_told_includes_the_penalty(way):
    problem = problems.make("mse-sum")
    weights = torch.full((problem.dimension,), 0.7, dtype=torch.float64)
    opt = HessianFree(problem.parameters, weight_decay=0.7, damping=2.0, lr=2.0)
    for _ in range(3):
        before = problem.forward()[0].item() + penalty(problem, weights)
        if way == "model":
            final = opt.acc_step(problem.model, problem.loss_function, problem.batches(), reduction="sum")
        else:
            final = opt.step(problem.forward)
        assert opt.last_report.loss == pytest.approx(before, rel=1e-12)
        assert final == pytest.approx(problem.forward()[0].item() + penalty(problem, weights), rel=1e-12)
        assert final == opt.last_report.loss_after == opt.state["final_losses"][-1]
        assert opt.last_trace.line_search[-1][1] == final
    if way == "forward":
        assert opt.state["init_losses"][1:] == opt.state["final_losses"][:-1]


def test_a_given_gradient_and_product_are_those_of_the_loss_alone():
    problem, other = problems.make("mse"), problems.make("mse")
    opt, plain = (HessianFree(p.parameters, weight_decay=0.3) for p in (problem, other))
    dense = other.dense_ggn()
    final = plain.step(other.forward, grad=other.dense_gradient(), mvp=lambda v: dense @ v)
    assert opt.step(problem.forward) == pytest.approx(final, rel=1e-10)


@pytest.mark.parametrize("groups", [1, 2])
def test_without_weight_decay_it_costs_nothing(groups):
    """Not even the bits differ: no penalty of zero is added."""
    problem, other = problems.make("mse"), problems.make("mse")
    parameters = in_two(problem, {"weight_decay": 0.0}, {}) if groups == 2 else problem.parameters
    opt, plain = HessianFree(parameters, weight_decay=0.0), HessianFree(other.parameters)
    for _ in range(3):
        assert opt.step(problem.forward) == plain.step(other.forward)
    assert torch.equal(problem.vector(), other.vector())


def test_frozen_tensors_are_not_penalized():
    problem = problems.make("frozen")
    opt = HessianFree(problem.parameters, weight_decay=3.0)
    expected = problem.forward()[0].item() + 1.5 * (problem.vector() ** 2).sum().item()
    opt.step(problem.forward)
    assert opt.last_report.loss == pytest.approx(expected, rel=1e-12)


def test_decay_of_a_frozen_group_does_not_count():
    problem, other = problems.make("frozen"), problems.make("frozen")
    opt = HessianFree(in_two(problem, {"weight_decay": 5.0}, {}))
    assert opt.step(problem.forward) == HessianFree(other.parameters).step(other.forward)


def test_a_schedule_may_change_it():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters)
    opt.step(problem.forward)
    opt.param_groups[0]["weight_decay"] = 2.0
    before = problem.forward()[0].item() + (problem.vector() ** 2).sum().item()
    opt.step(problem.forward)
    assert opt.last_report.loss == pytest.approx(before, rel=1e-12)


def test_enough_of_it_shrinks_the_parameters():
    problem = problems.make("mse")
    before = problem.vector().norm()
    opt = HessianFree(problem.parameters, weight_decay=100.0)
    for _ in range(5):
        advance(opt, problem, "forward")
    assert problem.vector().norm() < 0.05 * before


@pytest.mark.parametrize("decay", [-1e-9, -2.0])
def test_it_may_not_be_negative(decay):
    problem = problems.make("mse")
    with pytest.raises(ValueError, match=f"weight_decay must be >= 0; got {decay}"):
        HessianFree(problem.parameters, weight_decay=decay)
    with pytest.raises(ValueError, match="weight_decay"):
        HessianFree(in_two(problem, {"weight_decay": decay}, {}))


def test_the_preconditioner_knows_of_it():
    problem = problems.make("mse")
    data = (problem.model, problem.loss_function, problem.inputs, problem.targets, "mean")
    with_decay = HessianFree(problem.parameters, damping=1.0, weight_decay=2.0).get_preconditioner(*data)
    as_damping = HessianFree(problem.parameters, damping=3.0).get_preconditioner(*data)
    v = torch.ones(problem.dimension, dtype=torch.float64)
    assert torch.equal(with_decay(v), as_damping(v))
