"""The randomized Nystroem approximation against dense matrices, and the preconditioner made of it."""

import pytest
import torch

from engine.linear_systems import system
from engine.linearizations import at
from hessianfree.cg import ConjugateGradient
from hessianfree.preconditioners import Nystrom
from hessianfree.preconditioners.nystrom import approximation
from hessianfree.stopping import IterationLimit, ResidualTolerance

DAMPINGS = {"one": 0.3, "by parameter": torch.logspace(-2, 1, 50, dtype=torch.float64)}


def with_spectrum(eigenvalues, seed=0, dtype=torch.float64):
    n = len(eigenvalues)
    generator = torch.Generator().manual_seed(seed)
    Q, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    return ((Q * eigenvalues) @ Q.T).to(dtype)


def approximated(B, rank, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return approximation(lambda v: B @ v, torch.ones(len(B), dtype=B.dtype), rank, generator)


def low_rank(rank, n=50):
    return with_spectrum(
        torch.cat(
            [
                torch.logspace(3, 0, rank, dtype=torch.float64),
                torch.zeros(n - rank, dtype=torch.float64),
            ]
        )
    )


def test_a_matrix_of_low_rank_is_found_exactly():
    B = low_rank(8)
    U, eigenvalues = approximated(B, 12)
    torch.testing.assert_close((U * eigenvalues) @ U.T, B, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(U.T @ U, torch.eye(12, dtype=torch.float64), rtol=1e-9, atol=1e-9)
    assert (eigenvalues.diff() <= 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_it_never_exceeds_the_matrix(seed):
    """0 <= U L U' <= B as matrices [Frangella, Tropp & Udell 2023, 2.2]."""
    B = with_spectrum(torch.logspace(2, -3, 50, dtype=torch.float64), seed)
    U, eigenvalues = approximated(B, 15, seed)
    left = B - (U * eigenvalues) @ U.T
    assert torch.linalg.eigvalsh(left)[0] > -1e-10 * torch.linalg.eigvalsh(B)[-1]
    assert torch.linalg.matrix_norm(left, 2) < 0.2 * torch.linalg.eigvalsh(B)[-1]


def test_the_negative_eigenvalues_of_an_indefinite_matrix_do_not_make_it_fail():
    B = with_spectrum(torch.linspace(-5, 5, 50, dtype=torch.float64))
    U, eigenvalues = approximated(B, 30)
    assert torch.isfinite(U).all()
    assert (eigenvalues >= 0).all()
    assert eigenvalues.max() < 5 + 1e-9


@pytest.mark.parametrize("damping", DAMPINGS.values(), ids=DAMPINGS)
def test_of_low_rank_it_is_the_exact_inverse(damping):
    B = low_rank(8)
    M = Nystrom(rank=12)(at(B), damping, None).inverse
    exact = torch.linalg.inv(B + damping * torch.eye(50, dtype=torch.float64))
    found = torch.stack([M(e) for e in torch.eye(50, dtype=torch.float64)])
    torch.testing.assert_close(found, exact, rtol=1e-8, atol=1e-8 * exact.abs().max().item())


@pytest.mark.parametrize("damping", DAMPINGS.values(), ids=DAMPINGS)
def test_it_is_the_inverse_of_the_matrix_that_the_docstring_names(damping):
    B, _ = system(n=50, condition=1e4)
    made = Nystrom(rank=10)(at(B), damping, None)
    U, eigenvalues = made.memory["U"], made.memory["eigenvalues"]
    smallest, eye = eigenvalues[-1], torch.eye(50, dtype=torch.float64)
    matrix = (U * eigenvalues) @ U.T + smallest * (eye - U @ U.T) + damping * eye
    for v in torch.randn(3, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64):
        torch.testing.assert_close(made.inverse(matrix @ v), v, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("damping", [1e-2, "by parameter"])
def test_a_few_outstanding_eigenvalues_no_longer_cost_iterations(dtype, damping):
    """CG's iterations become those of the 185 eigenvalues that do not stand out, in either precision."""
    outstanding = torch.logspace(4, 1, 15, dtype=torch.float64)
    B = with_spectrum(
        torch.cat([outstanding, torch.linspace(0, 0.05, 185, dtype=torch.float64)]), dtype=dtype
    )
    if damping != 1e-2:
        damping = torch.linspace(1e-2, 2e-2, 200, dtype=dtype)
    b = torch.ones(200, dtype=dtype)
    solver = ConjugateGradient(max_iter=1000, stopping=(IterationLimit(), ResidualTolerance(relative=1e-4)))
    M = Nystrom(rank=20)(at(B), damping, None).inverse
    plain, helped = (solver.solve(lambda v: B @ v + damping * v, b, None, m).last for m in (None, M))
    assert helped <= 25
    assert plain > 3 * helped


def test_a_rank_above_the_dimension_is_the_dimension():
    B, _ = system(n=6)
    made = Nystrom(rank=20)(at(B), 0.5, None)
    assert made.products == 6
    exact = torch.linalg.inv(B + 0.5 * torch.eye(6, dtype=torch.float64))
    found = torch.stack([made.inverse(e) for e in torch.eye(6, dtype=torch.float64)])
    torch.testing.assert_close(found, exact, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("damping", [1e-6, torch.logspace(-6, -3, 50)], ids=["one", "by parameter"])
def test_single_precision_bears_dampings_far_below_the_spectrum(damping):
    """Eleven orders of magnitude between eigenvalues and damping: what can be told apart is still inverted."""
    B = with_spectrum(torch.logspace(5, 0, 50, dtype=torch.float64), dtype=torch.float32)
    made = Nystrom(rank=50)(at(B), damping, None)
    v = torch.ones(50)
    assert (B @ made.inverse(v) - v).norm() < 0.1 * v.norm()
