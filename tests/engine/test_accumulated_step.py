"""`acc_step` over a list of batches is `step` on the concatenated data, in float64 to rounding."""

import pytest
import torch
from torch import nn

from engine import problems
from hessianfree.execution import Execution
from hessianfree.optimizer import HessianFree

UNEVEN = {"even": [4, 4, 4], "uneven": [1, 7, 4], "one batch": [12], "single samples": [1] * 12}
PAIRS = {("mse", "mean"), ("mse-sum", "sum"), ("cross-entropy", "mean"), ("cross-entropy-sum", "sum")}


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("sizes", UNEVEN.values(), ids=UNEVEN)
@pytest.mark.parametrize(("name", "reduction"), sorted(PAIRS))
def test_equals_a_step_on_the_concatenated_data(name, reduction, sizes, curvature_opt):
    settings = {"curvature_opt": curvature_opt, "damping": 60.0 if reduction == "sum" else 8.0}
    whole, parts = problems.make(name), problems.make(name)
    opt_whole = HessianFree(whole.parameters, **settings)
    opt_parts = HessianFree(parts.parameters, **settings)
    for _ in range(4):
        expected = opt_whole.step(whole.forward)
        final = opt_parts.acc_step(
            parts.model, parts.loss_function, parts.batches(sizes), reduction=reduction
        )
        assert type(final) is float
        assert final == pytest.approx(expected, rel=1e-10)
    torch.testing.assert_close(parts.vector(), whole.vector(), rtol=0, atol=1e-10)
    assert opt_parts.state["num_cg_iters"] == opt_whole.state["num_cg_iters"]


@pytest.mark.parametrize("name", ["frozen", "unused", "tied", "bce", "coupled"])
def test_equals_a_step_on_every_kind_of_model(name):
    whole, parts = problems.make(name), problems.make(name)
    opt_whole, opt_parts = HessianFree(whole.parameters), HessianFree(parts.parameters)
    for _ in range(3):
        opt_whole.step(whole.forward)
        opt_parts.acc_step(parts.model, parts.loss_function, parts.batches())
    torch.testing.assert_close(parts.vector(), whole.vector(), rtol=0, atol=1e-10)


def test_batches_are_weighted_by_their_targets_not_their_inputs():
    """Images: a batch of pixel-wise targets has more of them than it has samples, yet every batch alike."""
    whole, parts = problems.make("cross-entropy-pixels"), problems.make("cross-entropy-pixels")
    opt_whole, opt_parts = HessianFree(whole.parameters), HessianFree(parts.parameters)
    opt_whole.step(whole.forward)
    opt_parts.acc_step(parts.model, parts.loss_function, parts.batches([1, 3]))
    torch.testing.assert_close(parts.vector(), whole.vector(), rtol=0, atol=1e-10)


def test_batches_of_different_widths_are_weighted_by_their_targets():
    """A weight shared over positions: four targets of width one, two samples of width three (six targets)."""
    w = nn.Parameter(torch.tensor([0.5], dtype=torch.float64))
    narrow = (torch.ones(4, 1, dtype=torch.float64), torch.full((4, 1), 2.0, dtype=torch.float64))
    wide = (torch.ones(2, 3, dtype=torch.float64), torch.full((2, 3), 7.0, dtype=torch.float64))
    opt = HessianFree([w], damping=0.0, adapt_damping=False)
    opt.acc_step(lambda x: w * x, nn.MSELoss(), [narrow, wide])
    assert w.item() == pytest.approx((4 * 2.0 + 6 * 7.0) / 10)


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_loss_gradient_and_curvature_on_data_of_their_own(reduction, curvature_opt):
    """Equals a step given the loss on one set, the gradient on another, and the dense curvature on a third."""
    name = "mse" if reduction == "mean" else "mse-sum"
    settings = {"curvature_opt": curvature_opt, "damping": 8.0 if reduction == "mean" else 300.0}
    ours, theirs = problems.make(name), problems.make(name)
    generator = torch.Generator().manual_seed(5)
    teacher = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    inputs = [torch.randn(n, 4, generator=generator, dtype=torch.float64) for n in (20, 14, 17)]
    data = [(x, x @ teacher) for x in inputs]
    on = [
        problems.Problem(model=theirs.model, loss_function=theirs.loss_function, inputs=x, targets=y)
        for x, y in data
    ]
    for_loss, for_gradient, for_curvature = (
        list(zip(x.split([1, len(x) - 1]), y.split([1, len(y) - 1]), strict=True)) for x, y in data
    )
    opt_ours = HessianFree(ours.parameters, **settings)
    opt_theirs = HessianFree(theirs.parameters, **settings)
    for _ in range(3):
        B = on[2].dense(curvature_opt)
        expected = opt_theirs.step(on[0].forward, grad=on[1].dense_gradient(), mvp=lambda v, B=B: B @ v)
        final = opt_ours.acc_step(
            ours.model,
            ours.loss_function,
            for_loss,
            for_gradient,
            for_curvature,
            reduction=reduction,
        )
        assert final == pytest.approx(expected, rel=1e-10)
    torch.testing.assert_close(ours.vector(), theirs.vector(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("changed", ["grad_datalist", "mvp_datalist"])
def test_a_list_that_is_not_given_is_that_of_the_loss(changed):
    """Giving one list of its own must not move the other one."""
    problem = problems.make("mse")
    lists = {"grad_datalist": problem.batches([12]), "mvp_datalist": problem.batches([12])}
    ours, theirs = problems.make("mse"), problems.make("mse")
    lists[changed] = [(problem.inputs[:8], problem.targets[:8])]
    HessianFree(ours.parameters).acc_step(
        ours.model, ours.loss_function, ours.batches(), **{changed: lists[changed]}
    )
    HessianFree(theirs.parameters).acc_step(theirs.model, theirs.loss_function, theirs.batches([12]), **lists)
    torch.testing.assert_close(ours.vector(), theirs.vector(), rtol=0, atol=1e-12)


def test_a_preconditioner_is_used():
    whole, parts = problems.make("mse"), problems.make("mse")
    scaling = torch.linspace(0.5, 2.0, whole.dimension, dtype=torch.float64)
    opt_whole, opt_parts = HessianFree(whole.parameters), HessianFree(parts.parameters)
    opt_whole.step(whole.forward, M_func=lambda v: scaling * v)
    opt_parts.acc_step(parts.model, parts.loss_function, parts.batches(), M_func=lambda v: scaling * v)
    torch.testing.assert_close(parts.vector(), whole.vector(), rtol=0, atol=1e-12)
    assert opt_parts.last_trace.preconditioned
    assert opt_parts.last_trace.alphas == pytest.approx(opt_whole.last_trace.alphas, rel=1e-8)


@pytest.mark.parametrize("reduction", ["none", "MEAN", None])
def test_another_reduction_is_refused(reduction):
    problem = problems.make("mse")
    with pytest.raises(ValueError, match="reduction"):
        HessianFree(problem.parameters).acc_step(
            problem.model, problem.loss_function, problem.batches([12]), reduction=reduction
        )


@pytest.mark.parametrize("empty", ["loss_datalist", "grad_datalist", "mvp_datalist"])
def test_an_empty_list_is_refused(empty):
    problem = problems.make("mse")
    lists = {"loss_datalist": problem.batches([12]), empty: []}
    before = problem.vector()
    with pytest.raises(ValueError, match="empty"):
        HessianFree(problem.parameters).acc_step(problem.model, problem.loss_function, **lists)
    assert torch.equal(problem.vector(), before)


@pytest.mark.parametrize("graph_memory_bytes", [0, 1, 20_000, 2**30])
def test_memory_for_graphs_changes_the_cost_and_not_the_step(graph_memory_bytes):
    free, bounded = problems.make("cross-entropy"), problems.make("cross-entropy")
    opt_free = HessianFree(free.parameters)
    opt_bounded = HessianFree(bounded.parameters, execution=Execution(graph_memory_bytes=graph_memory_bytes))
    for _ in range(3):
        opt_free.acc_step(free.model, free.loss_function, free.batches())
        opt_bounded.acc_step(bounded.model, bounded.loss_function, bounded.batches())
    torch.testing.assert_close(bounded.vector(), free.vector(), rtol=0, atol=1e-12)


def test_step_and_acc_step_share_history_and_warm_start():
    """A run may switch between the two."""
    ours, theirs = problems.make("mse"), problems.make("mse")
    opt_ours, opt_theirs = HessianFree(ours.parameters), HessianFree(theirs.parameters)
    opt_ours.step(ours.forward)
    opt_ours.acc_step(ours.model, ours.loss_function, ours.batches())
    opt_theirs.step(theirs.forward)
    opt_theirs.step(theirs.forward)
    assert opt_ours.state["final_losses"] == pytest.approx(opt_theirs.state["final_losses"], rel=1e-12)
    assert opt_ours.state["num_cg_iters"] == opt_theirs.state["num_cg_iters"]
