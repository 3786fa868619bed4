"""CG over a start direction and the Krylov space together."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hessianfree.augmented import AugmentedConjugateGradient
from hessianfree.cg import ConjugateGradient
from hessianfree.stopping import IterationLimit, ResidualTolerance

N = 12


def system(seed):
    """A with eigenvalues from 0.01 to 10, a right-hand side, a direction, an unrelated preconditioner."""
    generator = torch.Generator().manual_seed(seed)
    Q, _ = torch.linalg.qr(torch.randn(N, N, generator=generator, dtype=torch.float64))
    A = Q @ torch.diag(torch.logspace(-2, 1, N, dtype=torch.float64)) @ Q.T
    b, d = torch.randn(2, N, generator=generator, dtype=torch.float64)
    scale = torch.rand(N, generator=generator, dtype=torch.float64) + 0.5
    return A, b, d, torch.diag(scale)


def best_in(A, b, vectors):
    """The lowest value of 0.5 x'Ax - b'x over the span of `vectors`."""
    V, _ = torch.linalg.qr(torch.stack(vectors, dim=1))
    c = torch.linalg.solve(V.T @ A @ V, V.T @ b)
    return (-0.5 * (V.T @ b) @ c).item()


def solver(iterations):
    return AugmentedConjugateGradient(
        solver=ConjugateGradient(max_iter=iterations, stopping=(IterationLimit(),))
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), iterations=st.integers(1, 5))
def test_the_solution_is_the_best_of_direction_and_krylov_space(seed, iterations):
    A, b, d, M = system(seed)
    away = torch.eye(N, dtype=torch.float64) - torch.outer(d, A @ d) / (d @ A @ d)
    y = away @ M @ (b - A @ d * (d @ b) / (d @ A @ d))
    vectors = [d]
    for _ in range(iterations):
        vectors.append(y / torch.linalg.vector_norm(y))
        y = away @ M @ (A @ vectors[-1])
    solution = solver(iterations).solve(lambda v: A @ v, b, d, lambda r: M @ r)
    expected = best_in(A, b, vectors)
    assert solution.model_values[-1] == pytest.approx(expected, rel=1e-7)
    x = solution.iterates[iterations]
    assert (0.5 * x @ A @ x - b @ x).item() == pytest.approx(expected, rel=1e-7)


def test_length_and_sign_of_the_direction_do_not_matter():
    A, b, d, _ = system(0)
    one = solver(3).solve(lambda v: A @ v, b, d).iterates[3]
    other = solver(3).solve(lambda v: A @ v, b, -40 * d).iterates[3]
    assert torch.allclose(one, other, rtol=1e-9)


def test_a_direction_costs_one_product():
    A, b, d, _ = system(1)
    calls = []

    def product(v):
        calls.append(v)
        return A @ v

    solution = solver(4).solve(product, b, d)
    assert solution.products == len(calls) == 5
    assert solver(4).solve(product, b).products == 4


@pytest.mark.parametrize("curvature", [0.0, -1.0])
def test_a_direction_without_positive_curvature_is_left_out(curvature):
    A = torch.diag(torch.tensor([curvature, 1.0, 2.0, 3.0], dtype=torch.float64))
    b = torch.tensor([0.0, 1.0, 1.0, 1.0], dtype=torch.float64)
    d = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    solution = AugmentedConjugateGradient(
        solver=ConjugateGradient(stopping=(ResidualTolerance(relative=1e-10),))
    ).solve(lambda v: A @ v, b, d)
    assert solution.model_values[0] == 0
    assert torch.allclose(solution.iterates[solution.last], torch.tensor([0, 1, 1 / 2, 1 / 3]).double())


def test_the_solution_itself_as_direction_needs_no_iteration():
    A, b, _, _ = system(2)
    exact = torch.linalg.solve(A, b)
    solution = AugmentedConjugateGradient().solve(lambda v: A @ v, b, 0.1 * exact)
    assert solution.last == 0
    assert torch.allclose(solution.iterates[0], exact, rtol=1e-8)
