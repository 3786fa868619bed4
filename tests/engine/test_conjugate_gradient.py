"""`hessianfree.cg.cg` on dense symmetric positive definite matrices, in float64."""

import itertools
import warnings

import numpy as np
import pytest
import scipy.sparse.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import reference
from engine.linear_systems import quadratic, relative_error, system
from hessianfree.cg import cg


@pytest.mark.parametrize("seed", range(5))
def test_finds_the_exact_solution_in_as_many_iterations_as_unknowns(seed):
    A, b = system(n=10, condition=20.0, seed=seed)
    x_iters, _, _ = cg(lambda v: A @ v, b, tol=1e-12)
    assert len(x_iters) <= 11
    assert relative_error(x_iters[-1], torch.linalg.solve(A, b)) < 1e-10


@pytest.mark.parametrize("preconditioned", [False, True])
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("iterations", [1, 2, 7, 15])
def test_iterates_are_scipys(iterations, warm, preconditioned):
    A, b = system(n=25, condition=30.0)
    diagonal = torch.diagonal(A)
    x_0 = torch.randn(25, generator=torch.Generator().manual_seed(9), dtype=torch.float64) if warm else None
    M = (lambda v: v / diagonal) if preconditioned else None
    x_iters, _, reason = cg(lambda v: A @ v, b, x0=x_0, M=M, max_iter=iterations)
    theirs, _ = scipy.sparse.linalg.cg(
        A.numpy(),
        b.numpy(),
        x0=None if x_0 is None else x_0.numpy(),
        M=np.diag(1 / diagonal.numpy()) if preconditioned else None,
        maxiter=iterations,
        rtol=0.0,
    )
    assert reason == "Number of iterations"
    assert len(x_iters) == iterations + 1
    assert relative_error(x_iters[-1], torch.from_numpy(theirs)) < 1e-9


def test_every_iterate_equals_the_plain_transcription():
    A, b = system(n=25, condition=30.0)
    iterates, values, _ = reference.conjugate_gradient(A, b, torch.zeros_like(b), max_iter=12, tol=0.0)
    x_iters, m_iters, _ = cg(
        lambda v: A @ v, b, max_iter=12, martens_conv_crit=True, store_x_at_iters=range(13)
    )
    assert len(x_iters) == len(m_iters) == 13
    for x, m, expected, value in zip(x_iters, m_iters, iterates, values, strict=True):
        torch.testing.assert_close(x, expected, rtol=1e-10, atol=1e-14)
        assert float(m) == pytest.approx(value, rel=1e-10, abs=1e-14)


# What comes back


@pytest.mark.parametrize("kept", [[], [0], [3, 5], [0, 1, 2, 40], range(4)])
def test_keeps_what_was_asked_for_and_the_last(kept):
    A, b = system()
    x_iters, _, _ = cg(lambda v: A @ v, b, max_iter=8, store_x_at_iters=kept)
    assert [i for i, x in enumerate(x_iters) if x is not None] == sorted({i for i in kept if i <= 8} | {8})


def test_kept_iterates_do_not_change_afterwards():
    A, b = system()
    x_iters, _, _ = cg(lambda v: A @ v, b, max_iter=9, store_x_at_iters=range(10))
    for i, x in enumerate(x_iters):
        again, _, _ = cg(lambda v: A @ v, b, max_iter=max(i, 1))
        if i > 0:
            assert torch.equal(again[-1], x)
    assert torch.equal(x_iters[0], torch.zeros_like(b))


def test_start_is_left_alone():
    A, b = system()
    x_0 = torch.ones_like(b)
    x_iters, _, _ = cg(lambda v: A @ v, b, x0=x_0, max_iter=5, store_x_at_iters=[0])
    assert torch.equal(x_0, torch.ones_like(b))
    assert torch.equal(x_iters[0], x_0)


@pytest.mark.parametrize("max_iter", [1, 2, 3, 10, 17, 50])
def test_grid_of_kept_iterates(max_iter):
    """ceil(1.3**j) - 1 for j = 0, 1, ...: 0, 1, 2, 3, 4, 6, 8, 10, 13, 17, 23, 30, 39, 51, ..."""
    A, b = system(n=60, condition=1e8)
    x_iters, _, _ = cg(lambda v: A @ v, b, max_iter=max_iter, tol=0.0, store_x_at_iters=None)
    kept = [i for i, x in enumerate(x_iters) if x is not None]
    grid = [0, 1, 2, 3, 4, 6, 8, 10, 13, 17, 23, 30, 39, 51]
    assert kept == sorted({i for i in grid if i <= max_iter} | {max_iter})
    assert kept == sorted({i for i in reference.storing_grid(max_iter) if i <= max_iter} | {max_iter})


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("preconditioned", [False, True])
def test_values_are_the_quadratics(warm, preconditioned):
    A, b = system(n=40, condition=1e4)
    x_0 = torch.linspace(-1, 1, 40, dtype=torch.float64) if warm else None
    M = (lambda v: v / torch.diagonal(A)) if preconditioned else None
    x_iters, m_iters, _ = cg(
        lambda v: A @ v, b, x0=x_0, M=M, martens_conv_crit=True, store_x_at_iters=range(41), tol=1e-10
    )
    assert len(x_iters) == len(m_iters) > 10
    for x, m in zip(x_iters, m_iters, strict=True):
        assert float(m) == pytest.approx(quadratic(A, b, x), rel=1e-9, abs=1e-12)


def test_values_fall():
    A, b = system(condition=1e2)
    _, m_iters, _ = cg(lambda v: A @ v, b, martens_conv_crit=True)
    assert all(later < earlier for earlier, later in itertools.pairwise(m_iters))


def test_no_values_without_the_relative_progress_stop():
    A, b = system()
    assert cg(lambda v: A @ v, b)[1] is None


def test_no_preconditioner_and_the_identity_agree_to_the_bit():
    A, b = system(n=40, condition=1e5)
    A, b = A.float(), b.float()
    plain, plain_m, _ = cg(lambda v: A @ v, b, martens_conv_crit=True, store_x_at_iters=range(41))
    identity, identity_m, _ = cg(
        lambda v: A @ v, b, M=lambda v: v, martens_conv_crit=True, store_x_at_iters=range(41)
    )
    assert len(plain) == len(identity) > 10
    assert all(torch.equal(x, y) for x, y in zip(plain, identity, strict=True))
    assert list(map(float, plain_m)) == list(map(float, identity_m))


def test_a_preconditioner_may_return_its_own_buffer():
    """`M` that writes into one tensor and returns that, and `A` likewise: both are legal maps."""
    A, b = system(n=20, condition=1e3)
    diagonal = torch.diagonal(A)
    z, Ap = torch.empty_like(b), torch.empty_like(b)
    fresh, _, _ = cg(lambda v: A @ v, b, M=lambda v: v / diagonal)
    reused, _, _ = cg(lambda v: torch.mv(A, v, out=Ap), b, M=lambda v: torch.div(v, diagonal, out=z))
    torch.testing.assert_close(reused[-1], fresh[-1], rtol=1e-12, atol=1e-14)


def test_exact_inverse_as_preconditioner_needs_one_iteration():
    A, b = system(n=30, condition=1e6)
    inverse = torch.linalg.inv(A)
    x_iters, _, reason = cg(lambda v: A @ v, b, M=lambda v: inverse @ v)
    assert len(x_iters) == 2
    assert reason == "Convergence (tolerances)"


# Corners


@pytest.mark.parametrize("martens", [False, True])
def test_right_hand_side_of_zeros(martens):
    A, _ = system(n=10)
    x_iters, _, _ = cg(lambda v: A @ v, torch.zeros(10, dtype=torch.float64), martens_conv_crit=martens)
    assert torch.equal(x_iters[-1], torch.zeros(10, dtype=torch.float64))


@pytest.mark.parametrize("martens", [False, True])
def test_start_at_the_solution(martens):
    A = torch.diag(torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64))
    solution = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    x_iters, _, reason = cg(lambda v: A @ v, A @ solution, x0=solution, martens_conv_crit=martens)
    assert len(x_iters) == 1
    assert torch.equal(x_iters[0], solution)
    assert reason == "Convergence (tolerances)"


@pytest.mark.parametrize("martens", [False, True])
def test_start_within_the_tolerance(martens):
    A, b = system(n=30, condition=1e2)
    calls = []
    x_0 = torch.linalg.solve(A, b) + 1e-9
    x_iters, _, reason = cg(lambda v: calls.append(1) or A @ v, b, x0=x_0, martens_conv_crit=martens)
    assert reason == "Convergence (tolerances)"
    assert len(x_iters) == 1
    assert len(calls) == 1
    assert torch.equal(x_iters[0], x_0)


def test_no_iterations_at_all():
    A, b = system(n=5)
    x_iters, _, reason = cg(lambda v: A @ v, b, x0=torch.ones_like(b), max_iter=0)
    assert reason == "Number of iterations"
    assert len(x_iters) == 1
    assert torch.equal(x_iters[0], torch.ones_like(b))


@pytest.mark.parametrize("start", [None, 3.0])
@pytest.mark.parametrize("right_hand_side", [0.0, 2.0])
def test_a_residual_of_exactly_zero_is_the_end(right_hand_side, start):
    """Without any tolerance to meet: the next step length would be zero divided by zero."""
    b = torch.full((4,), right_hand_side, dtype=torch.float64)
    x_0 = None if start is None else torch.full_like(b, start)
    x_iters, _, _ = cg(lambda v: 4 * v, b, x0=x_0, tol=0.0, max_iter=10)
    assert torch.equal(x_iters[-1], b / 4)


def test_negative_curvature_warns_and_goes_on():
    A = torch.diag(torch.tensor([1.0, -2.0], dtype=torch.float64))
    b = torch.tensor([1.0, 3.0], dtype=torch.float64)
    pattern = r"Directional curvature pAp = .* <= 0 detected in cg-iteration"
    with pytest.warns(UserWarning, match=pattern):
        x_iters, _, _ = cg(lambda v: A @ v, b, tol=1e-12)
    torch.testing.assert_close(x_iters[-1], torch.tensor([1.0, -1.5], dtype=torch.float64))


def test_positive_curvature_does_not_warn():
    A, b = system()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cg(lambda v: A @ v, b, martens_conv_crit=True)


def test_verbose_prints(capsys):
    A, b = system(n=5)
    cg(lambda v: A @ v, b)
    assert capsys.readouterr().out == ""
    cg(lambda v: A @ v, b, verbose=True)
    assert "Number of iterations" in capsys.readouterr().out


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 25), log_condition=st.floats(0, 3), seed=st.integers(0, 10_000), scale=st.floats(-6, 6)
)
def test_solves_any_well_posed_system(n, log_condition, seed, scale):
    A, b = system(n=n, condition=10**log_condition, seed=seed)
    b = 10**scale * b
    x_iters, _, reason = cg(lambda v: A @ v, b, max_iter=3 * n, tol=1e-8)
    assert reason == "Convergence (tolerances)"
    assert (A @ x_iters[-1] - b).norm() < 1.01e-8 * b.norm()


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 25), seed=st.integers(0, 10_000), diagonal=st.floats(0.1, 10))
def test_energy_error_never_grows(n, seed, diagonal):
    """The error in the norm of A falls at every iteration, from any start, with any s.p.d. preconditioner."""
    A, b = system(n=n, condition=1e3, seed=seed)
    exact = torch.linalg.solve(A, b)
    x_0 = torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    x_iters, _, _ = cg(
        lambda v: A @ v,
        b,
        x0=x_0,
        M=lambda v: v / (torch.diagonal(A) + diagonal),
        store_x_at_iters=range(n + 1),
    )
    errors = [((x - exact) @ A @ (x - exact)).item() for x in x_iters]
    for earlier, later in itertools.pairwise(errors):
        assert later <= earlier * (1 + 1e-9) + 1e-15
