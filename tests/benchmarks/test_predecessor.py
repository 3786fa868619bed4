"""The benchmark's yardstick takes the engine's steps: float64, early CG iterations, the same damping.

So a ratio of times compares two ways to do one thing.
"""

import math

import pytest
import torch
from predecessor import Predecessor, armijo, conjugate_gradients

from engine import problems
from hessianfree.optimizer import HessianFree

CLOSE = {"rtol": 0, "atol": 1e-8}
DAMPING = {"ggn": 2.0, "hessian": 8.0}
NAMES = ["mse", "cross-entropy", "bce", "coupled", "frozen", "convolutional", "tied", "unused"]


def both(name, curvature_opt, **settings):
    """Two copies of a problem, with the engine on one and the predecessor on the other."""
    ours, theirs = problems.make(name), problems.make(name)
    settings = {"curvature_opt": curvature_opt, "damping": DAMPING[curvature_opt], **settings}
    return ours, HessianFree(ours.parameters, **settings), theirs, Predecessor(theirs.parameters, **settings)


def assert_same(ours, engine, theirs, predecessor):
    torch.testing.assert_close(ours.vector(), theirs.vector(), **CLOSE)
    torch.testing.assert_close(engine.state["x0"], predecessor.x0, **CLOSE)
    assert engine.last_trace.model_values == pytest.approx(predecessor.model_values, rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("name", NAMES)
def test_same_steps_at_fixed_damping(name, curvature_opt):
    ours, engine, theirs, predecessor = both(name, curvature_opt, cg_max_iter=8)
    for _ in range(3):
        start = theirs.vector()
        engine.param_groups[0]["damping"] = predecessor.damping = DAMPING[curvature_opt]
        assert engine.step(ours.forward) == pytest.approx(predecessor.step(theirs.forward), rel=1e-8)
        assert_same(ours, engine, theirs, predecessor)
        assert (theirs.vector() - start).abs().max() > 1e-4


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("name", ["mse", "cross-entropy"])
def test_same_accumulated_steps(name, curvature_opt):
    """On batches of two sizes; also the step on all data at once."""
    ours, engine, theirs, predecessor = both(name, curvature_opt, cg_max_iter=8)
    for _ in range(2):
        engine.param_groups[0]["damping"] = predecessor.damping = DAMPING[curvature_opt]
        arguments = theirs.model, theirs.loss_function, theirs.batches()
        assert engine.step(ours.forward) == pytest.approx(predecessor.acc_step(*arguments), rel=1e-8)
        assert_same(ours, engine, theirs, predecessor)


@pytest.mark.filterwarnings("ignore:The reduction ratio:UserWarning")
@pytest.mark.parametrize("damping", [0.02, 2.0, 200.0])
def test_damping_is_adapted_alike_after_a_cold_start(damping):
    """Later the two differ on purpose: the predecessor measures the ratio from CG's start."""
    ours, engine, theirs, predecessor = both("mse-sum", "ggn", damping=damping)
    engine.step(ours.forward)
    predecessor.step(theirs.forward)
    assert engine.param_groups[0]["damping"] == pytest.approx(predecessor.damping)


def test_points_are_evaluated_again_as_the_algorithm_names_them():
    """Zero for the ratio and for the search; the last iterate for the ratio and backtracking; the chosen one again."""
    ours, engine, theirs, predecessor = both("mse", "ggn", damping=20.0)
    engine.step(ours.forward)
    predecessor.step(theirs.forward)
    assert engine.last_report.step_scale == 1.0
    assert predecessor.loss_evaluations == engine.last_report.loss_evaluations + 4


def test_conjugate_gradients_without_early_stops_take_all_iterations():
    torch.manual_seed(0)
    root = torch.randn(30, 30, dtype=torch.float64)
    A = root @ root.T + 30 * torch.eye(30, dtype=torch.float64)
    b = torch.randn(30, dtype=torch.float64)
    iterates, values = conjugate_gradients(lambda v: A @ v, b, torch.zeros_like(b), 30, stops_early=False)
    assert len(iterates) == len(values) == 31
    torch.testing.assert_close(iterates[-1], torch.linalg.solve(A, b), **CLOSE)
    assert [i for i, x in enumerate(iterates) if x is not None] == [0, 1, 2, 3, 4, 6, 8, 10, 13, 17, 23, 30]
    early, _ = conjugate_gradients(lambda v: A @ v, b, torch.zeros_like(b), 30, stops_early=True)
    assert len(early) < len(iterates)


def test_the_search_gives_up_at_zero():
    gradient = torch.tensor([1.0])
    assert armijo(lambda step: step.item(), gradient, torch.tensor([-1.0])) == (1.0, -1.0)
    assert armijo(lambda step: abs(step.item()), gradient, torch.tensor([-1.0])) == (0.0, 0.0)
    scale, loss = armijo(lambda step: step.item() ** 2 + step.item(), gradient, torch.tensor([-1.0]))
    assert scale == pytest.approx(0.8)
    assert loss == pytest.approx(math.fsum([0.64, -0.8]))


@pytest.mark.filterwarnings("ignore:The reduction ratio:UserWarning")
@pytest.mark.parametrize("damping", [0.02, 2.0])
def test_with_the_ratio_from_zero_the_damping_stays_that_of_the_engine(damping):
    """All of the earlier implementation but for this one rule, over steps that start warm."""
    ours, theirs = problems.make("mse"), problems.make("mse")
    engine = HessianFree(ours.parameters, damping=damping, cg_max_iter=8)
    predecessor = Predecessor(theirs.parameters, damping=damping, cg_max_iter=8, ratio_from_zero=True)
    for _ in range(4):
        engine.step(ours.forward)
        predecessor.step(theirs.forward)
        assert engine.param_groups[0]["damping"] == pytest.approx(predecessor.damping)
    assert_same(ours, engine, theirs, predecessor)
