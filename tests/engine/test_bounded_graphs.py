"""A step whose graph is too large to be kept runs forward passes again, and takes no more memory than a gradient."""

import copy
import warnings

import pytest
import torch
from torch import nn

from engine import problems
from engine.problems import Problem
from hessianfree.curvature import GaussNewton, Hessian
from hessianfree.curvature.memory import GraphMemory
from hessianfree.curvature.recomputed import RecomputedGaussNewton, recomputed
from hessianfree.curvature.saved import SavedTensors
from hessianfree.execution import Execution
from hessianfree.optimizer import HessianFree
from hessianfree.parameters import Parameters

TOO_LARGE = "more than graph_memory_bytes = 0: from now on forward passes are run again"


@pytest.mark.parametrize("name", problems.NAMES)
def test_recomputed_products_are_the_dense_matrix_times_fresh_vectors(name):
    problem = problems.make(name)
    values = problem.vector()
    parameters = Parameters([problem.parameters])
    matrix = problem.dense("ggn")
    product = recomputed(GaussNewton, problem.forward, problem.forward, parameters)
    assert isinstance(product, RecomputedGaussNewton)
    for seed in range(3):
        v = torch.randn(problem.dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        assert torch.linalg.vector_norm(product(v) - matrix @ v) <= 1e-10 * torch.linalg.vector_norm(
            matrix @ v
        )
    assert torch.equal(problem.vector(), values)


class Cubed(torch.autograd.Function):
    """Has no forward mode."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * gradient


class CubedLayer(nn.Module):
    def forward(self, x):
        return Cubed.apply(x)


def cubed():
    torch.manual_seed(0)
    return Problem(
        model=nn.Sequential(nn.Linear(4, 5), CubedLayer(), nn.Linear(5, 3)).double(),
        loss_function=nn.MSELoss(),
        inputs=torch.randn(6, 4, dtype=torch.float64),
        targets=torch.randn(6, 3, dtype=torch.float64),
    )


def test_a_layer_without_forward_mode_is_differentiated_twice_in_reverse():
    problem = cubed()
    product = recomputed(GaussNewton, problem.forward, problem.forward, Parameters([problem.parameters]))
    reference = GaussNewton(*problem.forward(), Parameters([problem.parameters]))
    for seed in range(2):
        v = torch.randn(problem.dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        torch.testing.assert_close(product(v), reference(v), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
def test_the_steps_are_the_same_and_it_is_told_once(curvature_opt):
    losses = {}
    for budget in (2**30, 0):
        problem = problems.make("cross-entropy")
        execution = Execution(graph_memory_bytes=budget, products="plain")
        opt = HessianFree(problem.parameters, curvature_opt, cg_max_iter=8, execution=execution)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            losses[budget] = [opt.step(problem.forward) for _ in range(4)]
        assert [TOO_LARGE in str(w.message) for w in caught] == ([True] if budget == 0 else [])
    assert losses[0] == pytest.approx(losses[2**30], rel=1e-10)


def test_no_more_is_saved_in_a_product_than_for_a_gradient():
    """But for the slope of the loss in the outputs, which has a graph of its own."""
    problem = problems.make("mse")
    parameters = Parameters([problem.parameters])
    with SavedTensors() as for_a_gradient:
        graph = problem.forward()
    product = recomputed(GaussNewton, problem.forward, problem.forward, parameters)
    with SavedTensors() as for_a_product:
        product(torch.ones(problem.dimension, dtype=torch.float64))
    with SavedTensors() as for_a_kept_graph:
        GaussNewton(*problem.forward(), parameters)
    assert for_a_product.nbytes <= for_a_gradient.nbytes + 3 * graph[1].nbytes
    assert for_a_kept_graph.nbytes > 1.4 * for_a_product.nbytes


def test_graphs_number_1_10_100_are_measured():
    memory = GraphMemory(10)
    assert [n for n in range(1, 2000) if memory.is_due()] == [1, 10, 100, 1000]


def growing():
    """A problem, the same with fifty times the data, and an optimizer that has memory for the graph of the first."""
    problem = problems.make("mse")
    with SavedTensors() as saved:
        GaussNewton(*problem.forward(), Parameters([problem.parameters]))
    opt = HessianFree(problem.parameters, execution=Execution(graph_memory_bytes=saved.nbytes + 1000))
    larger = Problem(
        model=problem.model,
        loss_function=problem.loss_function,
        inputs=problem.inputs.repeat(50, 1),
        targets=problem.targets.repeat(50, 1),
    )
    return problem, larger, opt


def resumed(opt, problem):
    """Another optimizer of the problem's parameters, from where `opt` stands."""
    other = HessianFree(problem.parameters, execution=opt.execution)
    other.load_state_dict(opt.state_dict())
    return other


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_graph_that_grows_later_is_noticed(interrupted):
    problem, larger, opt = growing()
    for _ in range(5):
        opt.step(problem.forward)
    if interrupted:
        opt = resumed(opt, problem)
    for _ in range(4):
        opt.step(problem.forward)
    with pytest.warns(UserWarning, match="from now on forward passes are run again"):
        opt.step(larger.forward)  # the tenth graph, which is measured


def test_a_resumed_run_keeps_no_graphs_where_they_were_too_large():
    """Products through a kept graph would differ from the others by rounding."""
    problem, larger, opt = growing()
    for _ in range(9):
        opt.step(problem.forward)
    with pytest.warns(UserWarning, match="from now on forward passes are run again"):
        opt.step(larger.forward)
    again = copy.deepcopy(problem)
    other = resumed(opt, again)
    passes = {}
    for name, optimizer, counted in (("uninterrupted", opt, problem), ("resumed", other, again)):
        calls = []
        optimizer.step(lambda counted=counted, calls=calls: calls.append(1) or counted.forward())
        passes[name] = len(calls)
    assert passes["resumed"] == passes["uninterrupted"] > other.last_report.loss_evaluations + 5
    assert again.vector().tolist() == problem.vector().tolist()


def test_without_a_budget_it_is_a_quarter_of_the_memory():
    budget = GraphMemory(None).budget(torch.device("cpu"))
    assert 2**27 < budget < 2**44


def test_batches_that_fit_keep_their_graph_while_others_are_run_again():
    """Forward mode writes to the parameters: kept graphs must stay valid."""
    losses = {}
    with SavedTensors() as saved:
        problem = problems.make("mse")
        inputs, targets = problem.batches((6, 6))[0]
        outputs = problem.model(inputs)
        GaussNewton(problem.loss_function(outputs, targets), outputs, Parameters([problem.parameters]))
    for budget in (2**30, int(1.5 * saved.nbytes)):
        problem = problems.make("mse")
        calls = []
        problem.model.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        opt = HessianFree(problem.parameters, cg_max_iter=6, execution=Execution(graph_memory_bytes=budget))
        losses[budget] = (
            [opt.acc_step(problem.model, problem.loss_function, problem.batches((6, 6))) for _ in range(3)],
            len(calls),
        )
    (kept, few), (bounded, many) = losses.values()
    assert bounded == pytest.approx(kept, rel=1e-10)
    assert many > few


@pytest.mark.parametrize("hessian", [GaussNewton, Hessian])
def test_a_replayed_curvature_is_recomputed_plainly(hessian):
    problem = problems.make("mse")
    build = Execution(products="recorded").curvature(hessian)
    parameters = Parameters([problem.parameters])
    product = recomputed(build, problem.forward, problem.forward, parameters)
    v = torch.ones(problem.dimension, dtype=torch.float64)
    torch.testing.assert_close(product(v), hessian(*problem.forward(), parameters)(v), rtol=1e-11, atol=1e-13)
