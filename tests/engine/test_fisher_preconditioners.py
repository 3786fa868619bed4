"""The empirical-Fisher diagonal against squared per-sample gradients, and the preconditioner made of it."""

import copy

import pytest
import torch
from torch import nn

from engine import problems
from hessianfree.optimizer import HessianFree
from hessianfree.preconditioners import (
    diag_EF_autograd,
    diag_EF_backpack,
    diag_EF_preconditioner,
    diag_to_preconditioner,
)

DIAGONALS = {"backpack": diag_EF_backpack, "autograd": diag_EF_autograd}
LOSSES = {
    "mse": nn.MSELoss,
    "cross-entropy": nn.CrossEntropyLoss,
    "frozen": nn.MSELoss,
    "convolutional": nn.CrossEntropyLoss,
}


def arguments(name, reduction):
    problem = problems.make(name)
    return problem, (
        problem.model,
        LOSSES[name](reduction=reduction),
        problem.inputs,
        problem.targets,
        reduction,
    )


def squared_gradients(problem, loss_function):
    """The gradient of every sample's own loss, squared, `[N, P]`."""
    rows = []
    for x, y in zip(problem.inputs, problem.targets, strict=True):
        loss = loss_function(problem.model(x[None]), y[None])
        rows.append(torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, problem.trainable)]) ** 2)
    return torch.stack(rows)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("diagonal", DIAGONALS.values(), ids=DIAGONALS)
def test_diagonal_is_the_sum_or_mean_of_squared_per_sample_gradients(diagonal, name, reduction):
    problem, given = arguments(name, reduction)
    squares = squared_gradients(problem, given[1])
    expected = squares.mean(0) if reduction == "mean" else squares.sum(0)
    found = diagonal(*given)
    assert found.shape == (problem.dimension,)
    assert not found.requires_grad
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


def test_autograd_takes_models_that_backpack_does_not_know():
    problem = problems.make("coupled")
    found = diag_EF_autograd(problem.model, problem.loss_function, problem.inputs, problem.targets, "sum")
    expected = squared_gradients(problem, problem.loss_function).sum(0)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


def test_autograd_takes_losses_that_cannot_be_mapped_over_samples():
    """One that looks at its value, which a map of many samples at once does not have."""
    problem = problems.make("mse")

    def loss_function(outputs, targets):
        loss = nn.functional.mse_loss(outputs, targets)
        return loss if loss.item() > 0.5 else 2 * loss

    found = diag_EF_autograd(problem.model, loss_function, problem.inputs, problem.targets, "sum")
    expected = squared_gradients(problem, loss_function).sum(0)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


def test_samples_of_a_large_model_are_mapped_in_parts():
    """Six gradients of four million entries, of which four are held at once, add up; of W x they are r x'."""
    model = nn.Linear(2_000, 2_000, bias=False)
    inputs, targets = torch.randn(6, 2_000), torch.randn(6, 2_000)
    found = diag_EF_autograd(model, nn.MSELoss(reduction="sum"), inputs, targets, "sum")
    with torch.no_grad():
        slopes = 2 * (model(inputs) - targets)
    torch.testing.assert_close(
        found.view(2_000, 2_000), slopes.square().T @ inputs.square(), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("reduction", ["none", None, "Mean"])
@pytest.mark.parametrize("diagonal", DIAGONALS.values(), ids=DIAGONALS)
def test_another_reduction_is_refused(diagonal, reduction):
    problem = problems.make("mse")
    with pytest.raises(ValueError, match="reduction"):
        diagonal(problem.model, problem.loss_function, problem.inputs, problem.targets, reduction)


@pytest.mark.parametrize("diagonal", DIAGONALS.values(), ids=DIAGONALS)
def test_model_and_loss_are_left_as_they_were(diagonal):
    """No gradients, hooks, stored activations or attributes stay behind."""
    problem, given = arguments("mse", "mean")
    problem.parameters[0].grad = torch.full_like(problem.parameters[0], 7.0)
    modules = [*problem.model.modules(), given[1]]
    before = [(dict(vars(module)), copy.copy(module._forward_hooks)) for module in modules]
    parameters_before = [set(vars(p)) if hasattr(p, "__dict__") else set() for p in problem.parameters]
    diagonal(*given)
    for module, (attributes, hooks) in zip(modules, before, strict=True):
        assert set(vars(module)) == set(attributes)
        assert module._forward_hooks == hooks
    assert [set(vars(p)) for p in problem.parameters] == parameters_before
    assert torch.equal(problem.parameters[0].grad, torch.full_like(problem.parameters[0], 7.0))
    assert all(p.grad is None for p in problem.parameters[1:])


def test_it_works_inside_no_grad():
    _, given = arguments("mse", "mean")
    for diagonal in DIAGONALS.values():
        expected = diagonal(*given)
        with torch.no_grad():
            assert torch.equal(diagonal(*given), expected)


@pytest.mark.parametrize("exponent", [0.75, 1.0, 0.5])
@pytest.mark.parametrize("damping", [1e-3, 2.0])
def test_preconditioner_is_the_inverse_of_its_matrix(damping, exponent):
    diagonal = torch.linspace(0, 9, 10, dtype=torch.float64)
    M = diag_to_preconditioner(diagonal, damping, exponent)
    matrix = torch.diag((diagonal + damping) ** exponent)
    for v in torch.randn(4, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64):
        torch.testing.assert_close(M(matrix @ v), v, rtol=1e-12, atol=1e-12)


def test_exponent_is_three_quarters_unless_told():
    diagonal = torch.tensor([0.0, 15.0], dtype=torch.float64)
    v = torch.ones(2, dtype=torch.float64)
    expected = torch.tensor([1.0, 16.0**-0.75], dtype=torch.float64)
    torch.testing.assert_close(diag_to_preconditioner(diagonal, 1.0)(v), expected)
    problem, given = arguments("mse", "mean")
    ones = torch.ones(problem.dimension, dtype=torch.float64)
    of_default = diag_EF_preconditioner(*given, 0.5)(ones)
    torch.testing.assert_close(of_default, diag_EF_preconditioner(*given, 0.5, exponent=0.75)(ones))


def test_a_preconditioner_leaves_its_argument_alone():
    v = torch.ones(3, dtype=torch.float64)
    diag_to_preconditioner(torch.ones(3, dtype=torch.float64), 1.0)(v)
    assert torch.equal(v, torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("use_backpack", [True, False])
@pytest.mark.parametrize("exponent", [None, 0.5])
def test_the_optimizers_is_returned_at_the_current_damping(exponent, use_backpack):
    problem, given = arguments("mse", "mean")
    opt = HessianFree(problem.parameters)
    opt.step(problem.forward)
    damping = opt.param_groups[0]["damping"]
    assert damping != 1.0
    M = opt.get_preconditioner(*given, exponent=exponent, use_backpack=use_backpack)
    diagonal = squared_gradients(problem, given[1]).mean(0)
    v = torch.linspace(-1, 1, problem.dimension, dtype=torch.float64)
    expected = v / (diagonal + damping) ** (0.75 if exponent is None else exponent)
    torch.testing.assert_close(M(v), expected, rtol=1e-10, atol=1e-14)


def test_the_optimizers_counts_weight_decay_as_damping():
    """The penalty's curvature is the decay, in every direction: what M approximates the inverse of includes it."""
    problem, given = arguments("mse", "mean")
    opt = HessianFree(problem.parameters, damping=0.5, weight_decay=0.25)
    diagonal = squared_gradients(problem, given[1]).mean(0)
    v = torch.linspace(-1, 1, problem.dimension, dtype=torch.float64)
    expected = v / (diagonal + 0.75) ** 0.75
    torch.testing.assert_close(opt.get_preconditioner(*given)(v), expected, rtol=1e-10, atol=1e-14)


def test_it_saves_iterations_where_the_scales_of_inputs_differ():
    """What a preconditioner is for; and `step` must use it for that to show."""
    scales = torch.logspace(-2, 2, 12, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    inputs = scales * torch.randn(64, 12, generator=generator, dtype=torch.float64)
    targets = torch.randn(64, 1, generator=generator, dtype=torch.float64)
    iterations = {}
    for preconditioned in (False, True):
        model = nn.Linear(12, 1, bias=False).double()
        nn.init.zeros_(model.weight)
        loss_function = nn.MSELoss()

        def forward(model=model, loss_function=loss_function):
            outputs = model(inputs)
            return loss_function(outputs, targets), outputs

        opt = HessianFree(model.parameters(), damping=1e-3)
        M = None
        if preconditioned:
            M = opt.get_preconditioner(model, loss_function, inputs, targets, "mean", exponent=1.0)
        opt.step(forward, M_func=M)
        iterations[preconditioned] = opt.last_report.cg_iterations
    assert iterations[True] < iterations[False]
