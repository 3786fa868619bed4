"""CG with a preconditioner that changes from call to call."""

import itertools

import pytest
import torch

from engine.linear_systems import relative_error, system
from hessianfree.cg import ConjugateGradient
from hessianfree.stopping import IterationLimit, ResidualTolerance


def solve(A, b, M, flexible, x0=None, max_iter=400):
    rules = (IterationLimit(), ResidualTolerance(relative=1e-9))
    solver = ConjugateGradient(max_iter=max_iter, stopping=rules, flexible=flexible)
    return solver.solve(lambda v: A @ v, b, x0, M() if M else None)


def at_random(A):
    """A good diagonal, times a number between 1/2 and 3/2 that is drawn anew for every entry and call."""
    generator = torch.Generator().manual_seed(0)

    def precondition(v):
        return v / A.diagonal() * (0.5 + torch.rand(len(v), generator=generator, dtype=v.dtype))

    return precondition


def in_turns(A):
    """Two good diagonals, of which the second is good for the first half of the unknowns alone."""
    whole = 1 / A.diagonal()
    half = torch.where(torch.arange(len(A)) < len(A) // 2, whole, whole.mean())
    turn = itertools.cycle([whole, half])
    return lambda v: next(turn) * v


def scaled(n=60):
    """Well conditioned between scales from 1e-2 to 1e2."""
    A, b = system(n=n, condition=5.0)
    scales = torch.logspace(-1.5, 1.5, n, dtype=torch.float64)
    return scales[:, None] * A * scales, b


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("preconditioned", [False, True])
def test_with_a_constant_preconditioner_it_is_plain_cg(preconditioned, warm):
    A, b = system(n=30, condition=1e1)
    M = (lambda: lambda v: v / A.diagonal()) if preconditioned else None
    x_0 = torch.ones_like(b) if warm else None
    plain, flexible = (solve(A, b, M, way, x_0, max_iter=10) for way in (False, True))
    assert plain.products == flexible.products
    assert flexible.model_values == pytest.approx(plain.model_values, rel=1e-8)
    assert flexible.alphas == pytest.approx(plain.alphas, rel=1e-6)
    assert flexible.betas == pytest.approx(plain.betas, rel=1e-6)


@pytest.mark.parametrize("changing", [at_random, in_turns])
def test_with_a_changing_one_it_converges_where_plain_cg_lags(changing):
    A, b = scaled()
    plain, flexible = (solve(A, b, lambda: changing(A), way) for way in (False, True))
    assert flexible.reason == "Convergence (tolerances)"
    assert relative_error(flexible.iterates[flexible.last], torch.linalg.solve(A, b)) < 1e-6
    assert flexible.last < 0.7 * plain.last


def test_each_direction_is_conjugate_to_the_last():
    A, b = scaled()
    directions = []
    solver = ConjugateGradient(max_iter=15, stopping=(IterationLimit(),), flexible=True)
    solver.solve(lambda v: directions.append(v.clone()) or A @ v, b, None, in_turns(A))
    for p, q in itertools.pairwise(directions):
        assert abs(p @ A @ q) < 1e-10 * (p @ A @ p).sqrt() * (q @ A @ q).sqrt()
