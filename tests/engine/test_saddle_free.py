"""(|B| + damping)^-1 b against eigendecompositions, in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.indefinite import indefinite
from engine.linear_systems import quadratic, relative_error, system
from hessianfree.cg import ConjugateGradient
from hessianfree.curvature import Damped
from hessianfree.saddle_free import SaddleFree
from hessianfree.stopping import IterationLimit

DAMPINGS = {"none": 0.0, "one": 0.3, "by parameter": torch.linspace(0.01, 2, 20, dtype=torch.float64)}


def magnitude(B):
    eigenvalues, Q = torch.linalg.eigh(B)
    return (Q * eigenvalues.abs()) @ Q.T


@pytest.mark.parametrize("preconditioned", [False, True])
@pytest.mark.parametrize("damping", DAMPINGS.values(), ids=DAMPINGS)
@pytest.mark.parametrize("seed", range(3))
def test_in_the_whole_space_it_is_exact(seed, damping, preconditioned):
    B, b = indefinite(seed=seed)
    M = (lambda v: v / B.diagonal().abs()) if preconditioned else None
    solution = SaddleFree(iterations=20).solve(Damped(lambda v: B @ v, damping), b, None, M)
    A = B + damping * torch.eye(20, dtype=torch.float64)
    exact = torch.linalg.solve(magnitude(B) + damping * torch.eye(20, dtype=torch.float64), b)
    x = solution.iterates[solution.last]
    assert relative_error(x, exact) < 1e-9
    assert solution.last == solution.products == 20
    assert solution.reason == "Convergence (Krylov space)"
    assert solution.model_values[-1] == pytest.approx(quadratic(A, b, x))
    lowest = torch.linalg.eigvalsh(A)[0].item()
    assert solution.negative_curvature == pytest.approx(lowest)


@pytest.mark.parametrize("damping", [0.0, 0.5])
def test_where_the_matrix_is_positive_definite_the_iterates_are_cgs(damping):
    B, b = system(n=30, condition=1e2)
    A = Damped(lambda v: B @ v, damping)
    ours = SaddleFree(iterations=10).solve(A, b)
    cgs = ConjugateGradient(max_iter=10, stopping=(IterationLimit(),)).solve(A, b)
    assert ours.reason == "Number of iterations"
    assert ours.negative_curvature is None
    assert list(ours.iterates) == list(cgs.iterates)
    for i, x in cgs.iterates.items():
        torch.testing.assert_close(ours.iterates[i], x, rtol=1e-9, atol=1e-12)
    assert ours.model_values == pytest.approx(cgs.model_values, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    negative=st.integers(0, 12),
    iterations=st.integers(1, 15),
    damping=st.sampled_from([0.0, 1e-3, 1.0]),
    preconditioned=st.booleans(),
    single=st.booleans(),
)
def test_it_always_goes_downhill_and_the_model_agrees(
    seed, negative, iterations, damping, preconditioned, single
):
    """As far as rounding lets: below what (|B| + damping) would promise, since |B| is never less than B."""
    B, b = indefinite(n=12, seed=seed, negative=negative)
    dtype, exact = (torch.float32, 1e-3) if single else (torch.float64, 1e-9)
    B, b = B.to(dtype), b.to(dtype)
    M = (lambda v: v / B.diagonal().abs()) if preconditioned else None
    solution = SaddleFree(iterations=iterations).solve(Damped(lambda v: B @ v, damping), b, None, M)
    x = solution.iterates[solution.last].double()
    b = b.double()
    assert b @ x > 0
    assert solution.model_values[-1] <= -0.5 * (1 - exact) * b @ x
    assert solution.products <= iterations


def test_rounding_does_not_bring_back_what_has_been_found():
    """A large eigenvalue is found at once; in single precision plain Lanczos finds it again and again."""
    B, b = indefinite(n=80, negative=30)
    B, b = B + 1e4 * torch.outer(b, b) / (b @ b), b.flip(0)
    exact = torch.linalg.solve(magnitude(B) + 0.1 * torch.eye(80, dtype=torch.float64), b)
    solution = SaddleFree(iterations=80).solve(Damped(lambda v: B.float() @ v, 0.1), b.float())
    assert relative_error(solution.iterates[solution.last].double(), exact) < 1e-3


def test_a_space_that_is_invariant_ends_it():
    B = torch.diag(torch.tensor([-3.0, -3.0, 2.0, 2.0, 5.0], dtype=torch.float64))
    b = torch.tensor([1.0, 2.0, 3.0, 4.0, 0.0], dtype=torch.float64)
    solution = SaddleFree().solve(lambda v: B @ v, b)
    assert solution.reason == "Convergence (Krylov space)"
    assert solution.last == solution.products == 2
    torch.testing.assert_close(solution.iterates[2], b / B.diagonal().abs())


def test_a_gradient_of_zero_costs_nothing():
    solution = SaddleFree().solve(lambda v: v, torch.zeros(4))
    assert solution.last == solution.products == 0
    assert torch.equal(solution.iterates[0], torch.zeros(4))


@pytest.mark.parametrize("broken", [1, 3])
def test_a_product_that_is_no_number_ends_it_before(broken):
    B, b = indefinite()
    calls = []

    def product(v):
        calls.append(1)
        return B @ v if len(calls) < broken else torch.full_like(v, float("nan"))

    solution = SaddleFree().solve(product, b)
    assert solution.reason == "Divergence"
    assert solution.products == broken
    assert solution.last == broken - 1
    assert torch.isfinite(solution.iterates[solution.last]).all()


def test_at_least_one_iteration():
    with pytest.raises(ValueError, match="iterations must be at least 1; got 0"):
        SaddleFree(iterations=0)
