"""LossSlice: the loss along the chosen step beside the quadratic model's value, when asked for."""

import pytest
import torch

from engine import problems
from engine.runs import SWITCHES
from hessianfree import HessianFree
from hessianfree.execution import Execution
from hessianfree.loss_slice import LossSlice

SCALES = (-0.5, 0.0, 0.3, 1.0, 2.0)


def sliced(*scales, every=1):
    return Execution(loss_slice=LossSlice(scales=scales, every=every))


def in_two(problem, first, second):
    return [{"params": problem.parameters[:2], **first}, {"params": problem.parameters[2:], **second}]


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("rates", [(0.7, 0.7), (0.2, 0.6)], ids=["one rate", "bent"])
@pytest.mark.parametrize("preconditioned", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_losses_and_model_are_those_of_the_dense_function(weight_decay, preconditioned, rates, curvature_opt):
    problem = problems.make("mse")
    groups = in_two(
        problem,
        {"lr": rates[0], "damping": 8.0},
        {"lr": rates[1], "damping": 9.0, "weight_decay": weight_decay},
    )
    split = sum(p.numel() for p in problem.parameters[:2])
    dampings, decays = torch.full((2, problem.dimension), 9.0, dtype=torch.float64)
    dampings[:split], decays[:split], decays[split:] = 8.0, 0.0, weight_decay
    opt = HessianFree(groups, curvature_opt, adapt_damping=False, execution=sliced(*SCALES))
    M = (lambda v: 0.3 * v) if preconditioned else None
    for _ in range(3):
        before = problem.vector()
        A = problem.dense(curvature_opt) + torch.diag(dampings + decays)
        g = problem.dense_gradient() + decays * before
        opt.step(problem.forward, M_func=M)
        d = (problem.vector() - before) / opt.last_report.step_scale

        def loss_at(v):
            return (problem.loss_at(v) + 0.5 * (decays * v**2).sum()).item()

        expected = [
            (s, loss_at(before + s * d), loss_at(before) + (s * g @ d + 0.5 * s**2 * d @ A @ d).item())
            for s in SCALES
        ]
        assert len(opt.last_trace.slice) == len(SCALES)
        for point, wanted in zip(opt.last_trace.slice, expected, strict=True):
            assert point == pytest.approx(wanted, rel=1e-8)


def test_the_model_is_that_of_the_iterate_chosen_not_of_the_last():
    problem = problems.make("bce")
    opt = HessianFree(problem.parameters, execution=sliced(0.5))
    before, g = problem.vector(), problem.dense_gradient()
    A = problem.dense_ggn() + torch.eye(problem.dimension, dtype=torch.float64)
    opt.step(problem.forward)
    assert opt.last_report.cg_chosen_iteration < opt.last_report.cg_iterations
    d = (problem.vector() - before) / opt.last_report.step_scale
    ((_, _, predicted),) = opt.last_trace.slice
    assert predicted - opt.last_report.loss == pytest.approx(
        (0.5 * g @ d + 0.125 * d @ A @ d).item(), rel=1e-8
    )


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_it_changes_nothing_but_the_cost(switches):
    problem, other = problems.make("mse"), problems.make("mse")
    opt = HessianFree(problem.parameters, execution=sliced(0.25, 0.5, 3.0), **switches)
    plain = HessianFree(other.parameters, **switches)
    for _ in range(3):
        assert opt.step(problem.forward) == plain.step(other.forward)
        assert opt.last_report.loss_evaluations == plain.last_report.loss_evaluations + 3
        assert opt.last_report.curvature_products == plain.last_report.curvature_products
        assert opt.last_report.gradient_equivalents == pytest.approx(
            plain.last_report.gradient_equivalents + 1
        )
        assert plain.last_trace.slice == ()
    assert torch.equal(problem.vector(), other.vector())


def test_each_point_costs_one_forward_pass_and_known_ones_none():
    problem = problems.make("mse-sum")
    points = []

    def forward():
        points.append(tuple(problem.vector().tolist()))
        return problem.forward()

    opt = HessianFree(
        problem.parameters, lr=10.0, damping=2.0, execution=sliced(0.0, 1.0, 10.0, 8.0, 0.1, 0.1)
    )
    opt.step(forward)
    assert len(opt.last_trace.line_search) > 2, "10 and 8 were tried by the search"
    assert len(points) == len(set(points)) == 1 + opt.last_report.loss_evaluations
    tried = dict(opt.last_trace.line_search)
    losses = {scale: loss for scale, loss, _ in opt.last_trace.slice}
    assert (losses[10.0], losses[8.0]) == (tried[10.0], tried[8.0])
    assert losses[0.0] == opt.last_report.loss


def test_a_bent_step_costs_a_linearization_and_a_product():
    problem, other = problems.make("mse"), problems.make("mse")
    rates = {"lr": 0.2}, {"lr": 0.6}
    opt = HessianFree(in_two(problem, *rates), execution=sliced(0.5))
    plain = HessianFree(in_two(other, *rates))
    calls = []
    dense = problem.dense_ggn()
    opt.step(problem.forward, mvp=lambda v: calls.append(1) or dense @ v)
    plain.step(other.forward, mvp=lambda v: dense @ v)
    assert opt.last_report.curvature_products == plain.last_report.curvature_products + 1 == len(calls)
    assert opt.last_report.gradient_equivalents == pytest.approx(
        plain.last_report.gradient_equivalents + 1 + 4 / 3 + 1 / 3
    )


def test_every_other_step():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, execution=sliced(0.5, every=3))
    seen = []
    for _ in range(7):
        opt.step(problem.forward)
        seen.append(len(opt.last_trace.slice))
    assert seen == [1, 0, 0, 1, 0, 0, 1]


@pytest.mark.filterwarnings("ignore:The reduction ratio:UserWarning")
def test_a_rejected_step_is_looked_at_too():
    problem = problems.make("mse")
    opt = HessianFree(
        problem.parameters, lr=50.0, use_linesearch=False, reject_worse=True, execution=sliced(1.0, 50.0)
    )
    opt.step(problem.forward)
    assert opt.last_report.accepted is False
    (_, near, _), (_, far, _) = opt.last_trace.slice
    assert near < opt.last_report.loss < far


@pytest.mark.parametrize("rates", [(0.8, 0.8), (0.2, 0.6)], ids=["one rate", "bent"])
def test_an_accumulated_step_has_one(rates):
    problem = problems.make("mse")
    groups = in_two(problem, {"lr": rates[0]}, {"lr": rates[1]})
    opt = HessianFree(groups, execution=sliced(0.5))
    before, g = problem.vector(), problem.dense_gradient()
    A = problem.dense_ggn() + torch.eye(problem.dimension, dtype=torch.float64)
    loss = problem.forward()[0].item()
    opt.acc_step(problem.model, problem.loss_function, problem.batches())
    d = (problem.vector() - before) / opt.last_report.step_scale
    expected = problem.loss_at(before + 0.5 * d).item(), loss + (0.5 * g @ d + 0.125 * d @ A @ d).item()
    assert opt.last_trace.slice[0][1:] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"scales": ()}, "scales"),
        ({"scales": (0.5, float("nan"))}, "scales"),
        ({"scales": (float("inf"),)}, "scales"),
        ({"scales": (1.0,), "every": 0}, "every"),
    ],
)
def test_out_of_bounds_is_refused(setting, named):
    with pytest.raises(ValueError, match=named):
        LossSlice(**setting)
