"""What CG keeps for backtracking is bounded in bytes."""

import pytest
import torch

from engine import problems
from engine.linear_systems import system
from hessianfree.cg import ConjugateGradient, storing_grid
from hessianfree.cg_backtracking import EfficientBacktracking
from hessianfree.method import Method
from hessianfree.optimizer import HessianFree


def solved(**settings):
    A, b = system(n=30, condition=1e6)
    return ConjugateGradient(max_iter=25, stopping=ConjugateGradient().stopping[1:], **settings).solve(
        lambda v: A @ v, b
    )


@pytest.mark.parametrize("vectors", [1, 3, 5])
def test_the_latest_of_the_grid_are_kept_while_they_fit(vectors):
    free, bounded = solved(), solved(kept_bytes=vectors * 30 * 8 + 7)
    assert list(free.iterates) == sorted({*storing_grid(25)} & {*range(26)} | {25})
    on_the_grid = [i for i in free.iterates if i != 25]
    assert list(bounded.iterates) == [*on_the_grid[-vectors:], 25]
    for i, x in bounded.iterates.items():
        assert torch.equal(x, free.iterates[i])


def test_a_bound_below_one_vector_still_leaves_the_solution():
    assert 25 in solved(kept_bytes=0).iterates


def test_a_step_backtracks_over_what_is_left():
    problem = problems.make("cross-entropy")
    size = problem.dimension * 8
    solver = ConjugateGradient(max_iter=20, kept_bytes=2 * size)
    opt = HessianFree.from_method(problem.parameters, Method(solver=solver, selector=EfficientBacktracking()))
    first = opt.step(problem.forward)
    assert opt.step(problem.forward) < first
    assert len(opt.last_trace.kept) <= 3
