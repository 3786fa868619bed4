"""One undamped step on a quadratic is Newton's: it ends in the minimum."""

import pytest
import torch
from torch import nn

from hessianfree.optimizer import HessianFree


def quadratic(n=12, seed=0):
    """A, b and a parameter; f(x) = 0.5 x'Ax - b'x + 3."""
    generator = torch.Generator().manual_seed(seed)
    R = torch.randn(n, n, generator=generator, dtype=torch.float64)
    b = torch.randn(n, generator=generator, dtype=torch.float64)
    x = nn.Parameter(torch.randn(n, generator=generator, dtype=torch.float64))
    return R @ R.T / n + torch.eye(n, dtype=torch.float64), b, x


@pytest.mark.parametrize("switches", [{}, {"use_cg_backtracking": False}, {"use_linesearch": False}], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_one_step_with_the_hessian(seed, switches):
    A, b, x = quadratic(seed=seed)
    solution = torch.linalg.solve(A, b)
    opt = HessianFree([x], curvature_opt="hessian", damping=0.0, adapt_damping=False, **switches)
    final = opt.step(lambda: (0.5 * x @ A @ x - b @ x + 3, None))
    torch.testing.assert_close(x.detach(), solution, rtol=1e-4, atol=1e-4)
    assert final == pytest.approx(3 - 0.5 * (b @ solution).item(), abs=1e-8)


def test_one_step_of_linear_least_squares_with_the_gauss_newton_matrix():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(30, 4, generator=generator, dtype=torch.float64)
    targets = torch.randn(30, 2, generator=generator, dtype=torch.float64)
    model = nn.Linear(4, 2, bias=False).double()
    opt = HessianFree(model.parameters(), damping=0.0, adapt_damping=False)

    def forward():
        outputs = model(inputs)
        return nn.functional.mse_loss(outputs, targets), outputs

    opt.step(forward)
    expected = torch.linalg.lstsq(inputs, targets).solution.T
    torch.testing.assert_close(model.weight.detach(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("damping", [0.1, 10.0])
def test_damping_is_added_to_the_diagonal(damping):
    A, b, x = quadratic()
    start = x.detach().clone()
    expected = start - torch.linalg.solve(A + damping * torch.eye(12, dtype=torch.float64), A @ start - b)
    opt = HessianFree([x], curvature_opt="hessian", damping=damping, use_cg_backtracking=False)
    opt.step(lambda: (0.5 * x @ A @ x - b @ x, None))
    torch.testing.assert_close(x.detach(), expected, rtol=1e-4, atol=1e-4)


def test_a_quadratic_is_trusted_completely():
    """Without damping the model is the function: the reduction ratio is one."""
    A, b, x = quadratic()
    opt = HessianFree([x], curvature_opt="hessian", damping=1e-10)
    opt.step(lambda: (0.5 * x @ A @ x - b @ x, None))
    assert opt.last_report.reduction_ratio == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
def test_at_the_minimum_it_stays(curvature_opt):
    """The gradient is zero: nothing moves, nothing becomes NaN, there is nothing to warn of."""
    x = nn.Parameter(torch.tensor([2.0, -1.0], dtype=torch.float64))
    centre = torch.tensor([2.0, -1.0], dtype=torch.float64)

    def forward():
        outputs = x - centre
        return (outputs**2).sum(), outputs

    opt = HessianFree([x], curvature_opt=curvature_opt)
    for _ in range(3):
        assert opt.step(forward) == 0.0
        assert torch.equal(x.detach(), centre)
    assert opt.param_groups[0]["damping"] == 1.0, (
        "no predicted change is no evidence for or against the model"
    )


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
def test_it_stays_at_a_minimum_that_it_arrived_at(curvature_opt):
    """The warm start is not zero there, the gradient is."""
    x = nn.Parameter(torch.tensor([3.0, -1.0, 0.5], dtype=torch.float64))

    def forward():
        outputs = 1.0 * x
        return (outputs**2).sum(), outputs

    opt = HessianFree([x], curvature_opt=curvature_opt, damping=0.5)
    for _ in range(60):
        final = opt.step(forward)
        assert torch.isfinite(x).all()
    assert final < 1e-20
