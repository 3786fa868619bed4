"""The estimate of the diagonal from curvature products, and the preconditioner made of it."""

import pytest
import torch

from engine.linear_systems import system
from engine.linearizations import at
from hessianfree.cg import ConjugateGradient
from hessianfree.preconditioners import HutchinsonDiagonal
from hessianfree.stopping import IterationLimit, ResidualTolerance


def estimate(B, **settings):
    return HutchinsonDiagonal(**settings)(at(B), 1.0, None).memory["diagonal"]


def test_of_a_diagonal_matrix_one_probe_is_exact():
    diagonal = torch.tensor([3.0, -1.0, 0.0, 1e5], dtype=torch.float64)
    assert torch.equal(estimate(torch.diag(diagonal), probes=1), diagonal)


@pytest.mark.parametrize("probes", [2, 40])
def test_it_is_unbiased_with_the_error_that_the_docstring_gives(probes):
    """Over 400 seeds: the error of the mean is below 5 standard errors, its root mean square within a tenth."""
    B, _ = system(n=20, condition=1e3)
    estimates = torch.stack([estimate(B, probes=probes, seed=1000 * seed) for seed in range(400)])
    error = ((B**2).sum(1) - B.diagonal() ** 2).sqrt() / probes**0.5
    z = (estimates - B.diagonal()) / error
    assert z.mean(0).abs().max() < 5 / 400**0.5
    assert z.square().mean().sqrt().item() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("damping", [0.3, torch.tensor([0.1, 1.0, 10.0], dtype=torch.float64)], ids=str)
@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_the_preconditioner_divides_by_magnitude_and_damping(damping, exponent):
    diagonal = torch.tensor([2.0, -3.0, 4.0], dtype=torch.float64)
    M = HutchinsonDiagonal(exponent=exponent)(at(torch.diag(diagonal)), damping, None).inverse
    v = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(M(v), v / (diagonal.abs() + damping) ** exponent, rtol=1e-14, atol=0)


def test_older_estimates_keep_the_weight_of_decay():
    part = HutchinsonDiagonal(probes=3, decay=0.75)
    first = part(at(torch.diag(torch.full((4,), 8.0, dtype=torch.float64))), 1.0, None)
    second = part(at(torch.zeros(4, 4, dtype=torch.float64)), 1.0, first.memory)
    torch.testing.assert_close(second.memory["diagonal"], torch.full((4,), 6.0, dtype=torch.float64))


def test_without_damping_a_row_of_zeros_stays_finite():
    M = HutchinsonDiagonal()(at(torch.diag(torch.tensor([1.0, 0.0]))), 0.0, None).inverse
    assert torch.isfinite(M(torch.ones(2))).all()


def test_it_saves_iterations_where_scales_differ():
    """A well-conditioned matrix between scales from 1e-2 to 1e2, whose diagonal tells them."""
    A, b = system(n=40, condition=3.0)
    scales = torch.logspace(-2, 2, 40, dtype=torch.float64)
    B = scales[:, None] * A * scales
    solver = ConjugateGradient(max_iter=400, stopping=(IterationLimit(), ResidualTolerance(relative=1e-8)))
    M = HutchinsonDiagonal(probes=30, exponent=1.0)(at(B), 1e-6, None).inverse
    plain, helped = (solver.solve(lambda v: B @ v + 1e-6 * v, b, None, m).last for m in (None, M))
    assert helped < plain / 3
