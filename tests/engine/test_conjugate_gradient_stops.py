"""Why `hessianfree.cg.cg` ends, and in which order it asks."""

import math
import warnings

import pytest
import torch

from engine.linear_systems import system
from hessianfree.cg import cg
from hessianfree.optimizer import HessianFree


@pytest.mark.parametrize("scale", [None, 1e-4, 1e4])
def test_ends_by_the_tolerance_relative_to_b(scale):
    """Of the residual itself, not of the preconditioned one."""
    A, b = system(n=40, condition=1e2)
    M = None if scale is None else lambda v: scale * v
    x_iters, _, reason = cg(lambda v: A @ v, b, M=M, tol=1e-3, store_x_at_iters=range(41))
    assert reason == "Convergence (tolerances)"
    residuals = [(b - A @ x).norm() for x in x_iters]
    assert residuals[-1] < 1e-3 * b.norm()
    assert all(r >= 1e-3 * b.norm() for r in residuals[:-1])


def test_ends_by_the_absolute_tolerance():
    A, b = system(n=40, condition=1e2)
    x_iters, _, reason = cg(lambda v: A @ v, b, tol=1e-12, atol=0.05, store_x_at_iters=range(41))
    assert reason == "Convergence (tolerances)"
    residuals = [(b - A @ x).norm() for x in x_iters]
    assert residuals[-1] < 0.05
    assert all(r >= 0.05 for r in residuals[:-1])


def test_the_wider_tolerance_decides():
    A, b = system(n=40, condition=1e3)
    wide_atol = cg(lambda v: A @ v, b, tol=1e-8, atol=1e-1)[0]
    wide_tol = cg(lambda v: A @ v, b, tol=1e-1 / b.norm().item(), atol=1e-8)[0]
    assert len(wide_atol) == len(wide_tol) < len(cg(lambda v: A @ v, b, tol=1e-8)[0])


@pytest.mark.parametrize("max_iter", [1, 5, 12])
def test_ends_after_max_iter(max_iter):
    A, b = system(n=40, condition=1e6)
    calls = []
    x_iters, _, reason = cg(lambda v: calls.append(1) or A @ v, b, max_iter=max_iter)
    assert reason == "Number of iterations"
    assert len(x_iters) == max_iter + 1
    assert len(calls) <= max_iter + 1


def test_max_iter_is_the_dimension_by_default():
    A, b = system(n=15, condition=1e9)
    x_iters, _, reason = cg(lambda v: A @ v, b, tol=0.0)
    assert reason == "Number of iterations"
    assert len(x_iters) == 16


def progress(m, i):
    k = max(10, i // 10)
    return (m[i] - m[i - k]) / (m[i] - m[0]) if i > k else math.inf


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(("n", "condition"), [(60, 1e2), (100, 1e3), (200, 1e4)])
def test_ends_by_relative_progress(n, condition, warm):
    """At the first i > k = max(10, i // 10) with less than 5e-4 of the progress in the last k iterations."""
    A, b = system(n=n, condition=condition)
    x_0 = torch.ones(n, dtype=torch.float64) if warm else None
    _, m, reason = cg(lambda v: A @ v, b, x0=x_0, martens_conv_crit=True, tol=0.0)
    m = [float(value) for value in m]
    last = len(m) - 1
    assert reason == "Convergence (Martens)"
    assert progress(m, last) < 5e-4
    assert all(progress(m, i) >= 5e-4 for i in range(last))


def test_the_window_of_relative_progress_grows_with_the_iterations():
    """Beyond iteration 110 the window is a tenth of the iterations: the case above has to get there."""
    A, b = system(n=200, condition=1e4)
    _, m, _ = cg(lambda v: A @ v, b, martens_conv_crit=True, tol=0.0)
    assert len(m) - 1 > 120


def test_relative_progress_is_looked_at_before_the_number_of_iterations():
    A, b = system(n=60, condition=1e2)
    until = len(cg(lambda v: A @ v, b, martens_conv_crit=True, tol=0.0)[0]) - 1
    assert (
        cg(lambda v: A @ v, b, martens_conv_crit=True, tol=0.0, max_iter=until)[2] == "Convergence (Martens)"
    )
    x_iters, _, reason = cg(lambda v: A @ v, b, martens_conv_crit=True, tol=0.0, max_iter=until - 1)
    assert reason == "Number of iterations"
    assert len(x_iters) == until


def test_the_optimizers_cg_asks_in_the_same_order():
    A, b = system(n=60, condition=1e2)

    def reason(max_iter):
        x = torch.nn.Parameter(torch.zeros_like(b))
        opt = HessianFree([x], curvature_opt="hessian", damping=1e-9, cg_max_iter=max_iter)
        opt.step(lambda: (0.5 * x @ A @ x - b @ x, None))
        return opt.state["cg_reasons"][0], opt.state["num_cg_iters"][0]

    natural, until = reason(60)
    assert natural == "Convergence (Martens)"
    assert reason(until) == (natural, until)
    assert reason(until - 1) == ("Number of iterations", until - 1)


def test_number_of_iterations_is_looked_at_before_the_tolerances():
    A, b = system(n=40, condition=1e3)
    until = len(cg(lambda v: A @ v, b, tol=1e-3)[0]) - 1
    assert cg(lambda v: A @ v, b, tol=1e-3, max_iter=until)[2] == "Number of iterations"


def test_ends_at_a_residual_that_is_no_number():
    A, b = system(n=20, condition=1e6)
    calls = []

    def broken(v):
        calls.append(1)
        return A @ v if len(calls) < 4 else torch.full_like(v, math.nan)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x_iters, _, reason = cg(broken, b)
    assert reason == "Divergence"
    assert len(x_iters) <= 5
