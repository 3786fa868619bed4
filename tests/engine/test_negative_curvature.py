"""CG on indefinite matrices: what it does where p'Ap <= 0, and that it tells."""

import itertools
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.indefinite import Saddle, indefinite
from engine.linear_systems import quadratic, system
from hessianfree.cg import ConjugateGradient
from hessianfree.curvature import Hessian
from hessianfree.damping import ConstantDamping
from hessianfree.method import Method
from hessianfree.negative_curvature import StopThere, WarnAndGoOn
from hessianfree.optimizer import HessianFree
from hessianfree.stopping import IterationLimit, ResidualTolerance

RULES = (IterationLimit(), ResidualTolerance(relative=1e-10))


def solver(**settings):
    return ConjugateGradient(max_iter=60, stopping=RULES, keep=range(61), **settings)


def until_negative(A, b, M=None):
    """Textbook CG: the iterates from zero up to the first p'Ap <= 0, and that direction."""
    M = torch.eye(len(b), dtype=b.dtype) if M is None else M
    x = torch.zeros_like(b)
    iterates, r = [x], -b
    p = -M @ r
    while p @ A @ p > 0:
        alpha = (r @ M @ r) / (p @ A @ p)
        x, r_next = x + alpha * p, r + alpha * A @ p
        p = -M @ r_next + (r_next @ M @ r_next) / (r @ M @ r) * p
        r = r_next
        iterates.append(x)
    return iterates, p


def quotient(A, p):
    return (p @ A @ p / (p @ p)).item()


# Stopping there


@pytest.mark.parametrize("preconditioned", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_it_ends_with_the_iterate_before_negative_curvature(seed, preconditioned):
    A, b = indefinite(seed=seed, negative=2)
    M = torch.diag(1 / A.diagonal().abs()) if preconditioned else None
    iterates, p = until_negative(A, b, M)
    assert len(iterates) > 2, "the case needs an iteration before"
    solution = solver(length=StopThere()).solve(
        lambda v: A @ v, b, None, None if M is None else (lambda v: M @ v)
    )
    assert solution.reason == "Negative curvature"
    assert solution.last == len(iterates) - 1
    assert solution.products == len(iterates)
    assert solution.negative_curvature == pytest.approx(quotient(A, p), rel=1e-8)
    for i, x in enumerate(iterates):
        torch.testing.assert_close(solution.iterates[i], x, rtol=1e-8, atol=1e-10)
    lengths = {len(solution.model_values), len(solution.alphas) + 1, len(solution.betas) + 1}
    assert lengths == {solution.last + 1}


@pytest.mark.parametrize("warm", [False, True])
def test_in_the_first_iteration_it_goes_along_the_direction(warm):
    """As far as the minimum would be if the curvature had the other sign."""
    A = torch.diag(torch.tensor([-4.0, -1.0, 1.0], dtype=torch.float64))
    b = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64)
    x_0 = torch.tensor([0.1, 0.1, 0.1], dtype=torch.float64) if warm else torch.zeros_like(b)
    p = b - A @ x_0
    solution = solver(length=StopThere()).solve(lambda v: A @ v, b, x_0 if warm else None)
    assert solution.reason == "Negative curvature"
    assert solution.last == 1
    assert solution.negative_curvature == pytest.approx(quotient(A, p))
    torch.testing.assert_close(solution.iterates[1], x_0 + (p @ p) / abs(p @ A @ p) * p)
    assert solution.model_values[1] < solution.model_values[0]


def test_a_curvature_of_exactly_zero_takes_the_direction_as_it_is():
    b = torch.tensor([3.0, 4.0], dtype=torch.float64)
    solution = solver(length=StopThere()).solve(torch.zeros_like, b)
    assert torch.equal(solution.iterates[1], b)
    assert solution.negative_curvature == 0.0


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), negative=st.integers(0, 12), preconditioned=st.booleans())
def test_stopping_there_goes_downhill_and_the_model_never_rises(seed, negative, preconditioned):
    A, b = indefinite(n=12, seed=seed, negative=negative)
    M = (lambda v: v / A.diagonal().abs()) if preconditioned else None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solution = solver(length=StopThere()).solve(lambda v: A @ v, b, None, M)
    x = solution.iterates[solution.last]
    assert b @ x > 0
    assert solution.model_values[-1] == pytest.approx(quadratic(A, b, x), rel=1e-6)
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(solution.model_values))
    assert (solution.reason == "Negative curvature") == (solution.negative_curvature is not None)
    assert negative or solution.negative_curvature is None


@pytest.mark.parametrize("warm", [False, True])
def test_on_a_positive_definite_matrix_it_is_plain_cg_to_the_bit(warm):
    A, b = system(n=30, condition=1e3)
    x_0 = torch.ones_like(b) if warm else None
    plain, stopping = (
        solver(length=rule).solve(lambda v: A @ v, b, x_0) for rule in (WarnAndGoOn(), StopThere())
    )
    assert plain.negative_curvature is stopping.negative_curvature is None
    assert plain.model_values == stopping.model_values
    assert torch.equal(plain.iterates[plain.last], stopping.iterates[stopping.last])


# Going on


def test_going_on_warns_and_tells_the_lowest_of_all_curvatures():
    A, b = indefinite(seed=1)
    directions = []
    with pytest.warns(UserWarning, match="Directional curvature pAp"):
        solution = solver().solve(lambda v: directions.append(v.clone()) or A @ v, b)
    quotients = [quotient(A, p) for p in directions]
    assert sum(q <= 0 for q in quotients) > 1
    assert solution.negative_curvature == pytest.approx(min(quotients))


# In a step


@pytest.mark.parametrize("damping", [0.0, 0.5])
def test_the_report_has_it_with_the_damping(damping):
    saddle = Saddle(x=0.0, y=0.1)
    method = Method(
        curvature=Hessian, solver=ConjugateGradient(length=StopThere()), damping=ConstantDamping()
    )
    opt = HessianFree.from_method([saddle.parameter], method, damping=damping)
    opt.step(saddle.forward)
    assert opt.last_report.cg_stop == "Negative curvature"
    assert opt.last_report.negative_curvature == pytest.approx(-2 + 12 * 0.1**2 + damping)
    for _ in range(10):
        opt.step(saddle.forward)
    assert opt.last_report.negative_curvature is None
