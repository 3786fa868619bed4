"""What a step may cost: each point is evaluated once, and a product runs no forward pass."""

import itertools

import pytest
import torch

from engine import problems
from engine.runs import SWITCHES
from hessianfree.execution import Execution
from hessianfree.optimizer import HessianFree


@pytest.mark.filterwarnings("ignore:The reduction ratio:UserWarning")
@pytest.mark.parametrize("limits", [{"cg_max_iter": 20}, {"cg_max_iter": 1, "cg_decay_x0": 0.0}], ids=str)
@pytest.mark.parametrize(
    ("switches", "lr"),
    [(switches, lr) for switches in SWITCHES for lr in (1.0, 0.5)]
    + [(switches, 8.0) for switches in SWITCHES if switches["use_linesearch"]],
    ids=str,
)
def test_no_point_is_evaluated_twice_in_a_step(switches, lr, limits):
    """Neither zero nor the last iterate, though several parts of the step ask for their losses."""
    problem = problems.make("mse-sum")
    points, with_graph = [], []

    def forward():
        points.append(tuple(problem.vector().tolist()))
        with_graph.append(torch.is_grad_enabled())
        return problem.forward()

    opt = HessianFree(problem.parameters, damping=2.0, lr=lr, **limits, **switches)
    for _ in range(3):
        points.clear()
        with_graph.clear()
        opt.step(forward)
        assert len(points) == len(set(points))
        assert opt.last_report.loss_evaluations == len(points) - 1
        assert with_graph == [True] + [False] * (len(points) - 1)


def test_the_least_that_each_part_needs():
    """Without backtracking and at scale one, the last iterate's loss serves the damping, the search and the report.

    The loss at iterate 0 of a solve from zero is that of the linearization.
    """
    for switches in SWITCHES:
        problem = problems.make("mse")
        opt = HessianFree(problem.parameters, damping=20.0, **switches)
        opt.step(problem.forward)
        tried = sum(loss is not None for iteration, loss in opt.last_trace.kept if iteration > 0)
        assert opt.last_report.step_scale == 1.0
        assert opt.last_report.loss_evaluations == tried
        if not switches["use_cg_backtracking"]:
            assert tried == 1


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
def test_products_run_no_forward_pass(curvature_opt):
    """Neither in `step` nor, while the graphs fit, in `acc_step`: the passes do not grow with the CG iterations."""
    passes = {}
    for way, cg_max_iter in itertools.product(["step", "acc_step"], [2, 6]):
        problem = problems.make("mse-sum")
        calls = []
        problem.model.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        opt = HessianFree(
            problem.parameters,
            curvature_opt=curvature_opt,
            damping=30.0,
            cg_max_iter=cg_max_iter,
            adapt_damping=False,
            use_cg_backtracking=False,
        )
        if way == "step":
            opt.step(problem.forward)
        else:
            opt.acc_step(problem.model, problem.loss_function, problem.batches(), reduction="sum")
        assert opt.last_report.cg_iterations == cg_max_iter
        assert opt.last_report.curvature_products == cg_max_iter
        passes[way, cg_max_iter] = len(calls)
    assert passes["step", 2] == passes["step", 6] == 2
    assert passes["acc_step", 2] == passes["acc_step", 6] <= 3 * 2


def test_graphs_are_kept_within_the_memory_allowed():
    """Two batches: with hardly any memory a product runs both again, for J v and for J', with more one, then none."""

    def passes(graph_memory_bytes, cg_max_iter):
        problem = problems.make("mse-sum")
        calls = []
        problem.model.register_forward_hook(lambda *_: calls.append(1))
        opt = HessianFree(
            problem.parameters,
            damping=30.0,
            cg_max_iter=cg_max_iter,
            adapt_damping=False,
            use_cg_backtracking=False,
            execution=Execution(graph_memory_bytes=graph_memory_bytes),
        )
        opt.acc_step(problem.model, problem.loss_function, problem.batches(), reduction="sum")
        return len(calls)

    allowed = [0, 1, *(2**k for k in range(8, 20))]
    a_product = [(passes(size, 6) - passes(size, 2)) / 4 for size in allowed]
    assert a_product == sorted(a_product, reverse=True)
    assert a_product[:2] == [4, 4]
    assert a_product[-1] == 0
    assert set(a_product) == {4, 2, 0}


def test_trials_of_an_accumulated_step_build_no_graph():
    problem = problems.make("mse")
    graphs = []
    problem.model.register_forward_hook(lambda *_: graphs.append(torch.is_grad_enabled()))
    opt = HessianFree(problem.parameters)
    opt.acc_step(problem.model, problem.loss_function, problem.batches())
    assert graphs.count(True) == 2 * 2, "one pass a batch for the gradient, one for the curvature"
    assert graphs.count(False) == 2 * opt.last_report.loss_evaluations


def test_products_are_counted():
    problem = problems.make("mse")
    dense, calls = problem.dense_ggn(), []
    opt = HessianFree(problem.parameters)
    for _ in range(3):
        calls.clear()
        opt.step(problem.forward, mvp=lambda v: calls.append(1) or dense @ v)
        assert opt.last_report.curvature_products == len(calls)


def test_gradient_and_product_given_need_no_graph():
    """One evaluation without a graph is all that the linearization is then."""
    problem = problems.make("mse")
    graphs = []

    def forward():
        graphs.append(torch.is_grad_enabled())
        return problem.forward()

    opt = HessianFree(problem.parameters)
    opt.step(forward, grad=problem.dense_gradient(), mvp=lambda v: v)
    assert graphs
    assert not any(graphs)
    assert len(graphs) == 1 + opt.last_report.loss_evaluations
