"""A preconditioner as a part of the method: what it is asked, what it costs, what it remembers."""

import copy
from dataclasses import dataclass

import pytest
import torch

from engine import problems
from engine.runs import advance
from hessianfree import HessianFree
from hessianfree.acceptance import RejectWorse
from hessianfree.linesearch import FixedScale
from hessianfree.method import Method
from hessianfree.records import Preconditioning


@dataclass(frozen=True)
class AveragedSquares:
    """The mean of all squared gradients so far as a diagonal; takes two products, and a gradient, without need."""

    def __call__(self, here, damping, memory):
        squares = here.gradient**2
        count = memory["count"] + 1 if memory else torch.tensor(1)
        mean = torch.lerp(memory["mean"], squares, 1 / count.item()) if memory else squares
        here.curvature(here.curvature(here.gradient))
        scaling = (mean + damping) ** -0.5
        return Preconditioning(
            inverse=lambda v: scaling * v, memory={"count": count, "mean": mean}, products=2, cost=1.0
        )


@dataclass(frozen=True)
class Exact:
    """The dense inverse."""

    def __call__(self, here, damping, memory):
        assert memory is None
        eye = torch.eye(len(here.gradient), dtype=here.gradient.dtype)
        dense = torch.stack([here.curvature(e) for e in eye]) + damping * eye
        return Preconditioning(inverse=lambda v: torch.linalg.solve(dense, v), products=len(eye))


def optimizer(problem, part, **settings):
    return HessianFree.from_method(problem.parameters, Method(preconditioner=part), **settings)


@pytest.mark.parametrize("way", ["forward", "model"])
def test_the_exact_inverse_ends_cg_after_one_iteration(way):
    """So it sees the curvature and the damping in force, and CG uses it."""
    problem = problems.make("mse")
    opt = optimizer(problem, Exact(), damping=3.0, weight_decay=0.2)
    for _ in range(3):
        advance(opt, problem, way)
        assert opt.last_report.cg_iterations == 1
        assert opt.last_report.cg_stop == "Convergence (tolerances)"
        assert opt.last_trace.preconditioned is True
        assert "preconditioner" not in opt.state


def test_dampings_of_groups_reach_it_as_a_vector():
    problem = problems.make("mse")
    first, *rest = problem.parameters
    groups = [{"params": [first], "damping": 5.0}, {"params": rest, "damping": 0.5}]
    opt = HessianFree.from_method(groups, Method(preconditioner=Exact()))
    opt.step(problem.forward)
    assert opt.last_report.cg_iterations == 1


def test_its_cost_is_counted():
    problem = problems.make("mse")
    opt = optimizer(problem, AveragedSquares())
    for start in (0, 1):
        opt.step(problem.forward)
        report = opt.last_report
        assert report.curvature_products == report.cg_iterations + start + 2
        assert report.gradient_equivalents == pytest.approx(
            2 + 4 / 3 * report.curvature_products + report.loss_evaluations / 3
        )


def test_it_is_handed_what_it_remembered():
    problem = problems.make("mse")
    opt = optimizer(problem, AveragedSquares())
    expected = 0
    for step in range(1, 4):
        expected = expected + problem.dense_gradient() ** 2
        opt.step(problem.forward)
        assert opt.state["preconditioner"]["count"] == step
        torch.testing.assert_close(
            opt.state["preconditioner"]["mean"], expected / step, rtol=1e-10, atol=1e-14
        )


def test_a_preconditioner_given_to_the_step_wins_and_leaves_the_memory():
    problem, other = problems.make("mse"), problems.make("mse")
    opt, plain = optimizer(problem, AveragedSquares()), HessianFree.from_method(other.parameters, Method())
    opt.step(problem.forward)
    remembered = opt.state["preconditioner"]
    opt.step(problem.forward, M_func=lambda v: 0.5 * v)
    assert opt.state["preconditioner"] == remembered
    assert opt.last_report.curvature_products == opt.last_report.cg_iterations + 1
    plain.step(other.forward)
    assert plain.last_trace.preconditioned is False
    assert "preconditioner" not in plain.state


def test_a_rejected_step_keeps_the_memory():
    problem = problems.make("mse")
    method = Method(preconditioner=AveragedSquares(), search=FixedScale(), acceptance=RejectWorse())
    opt = HessianFree.from_method(problem.parameters, method, lr=1e4)
    opt.step(problem.forward)
    assert opt.last_report.accepted is False
    assert opt.state["preconditioner"]["count"] == 1


@pytest.mark.parametrize("way", ["forward", "model"])
@pytest.mark.parametrize("copied", ["saved", "deepcopy"])
def test_it_goes_on_to_the_bit(way, copied, tmp_path):
    problem = problems.make("cross-entropy")
    opt = optimizer(problem, AveragedSquares())
    for _ in range(2):
        advance(opt, problem, way)
    if copied == "deepcopy":
        model, twin = copy.deepcopy((problem.model, opt))
    else:
        torch.save(opt.state_dict(), tmp_path / "opt.pt")
        saved = opt.state_dict()
        model = copy.deepcopy(problem.model)
        twin = HessianFree.from_method(model.parameters(), Method(preconditioner=AveragedSquares()))
        twin.load_state_dict(torch.load(tmp_path / "opt.pt", weights_only=True))
    other = problems.Problem(
        model=model,
        loss_function=problem.loss_function,
        inputs=problem.inputs,
        targets=problem.targets,
    )
    stepped = [advance(twin, other, way) for _ in range(3)]
    assert [advance(opt, problem, way) for _ in range(3)] == stepped
    assert torch.equal(problem.vector(), other.vector())
    if copied == "saved":
        assert saved["state"]["preconditioner"]["count"] == 2


def test_a_memory_of_other_parameters_is_forgotten():
    problem = problems.make("mse")
    opt = optimizer(problem, AveragedSquares())
    opt.step(problem.forward)
    problem.parameters[0].requires_grad = False
    opt.step(problem.forward)
    assert opt.state["preconditioner"]["count"] == 1
    opt.step(problem.forward)
    assert opt.state["preconditioner"]["count"] == 2
    opt.add_param_group({"params": [torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))]})
    opt.step(problem.forward)
    assert opt.state["preconditioner"]["count"] == 1


def test_a_memory_in_another_precision_is_converted():
    problem = problems.make("mse")
    opt = optimizer(problem, AveragedSquares())
    opt.step(problem.forward)
    saved = opt.state_dict()
    saved["state"]["preconditioner"]["mean"] = saved["state"]["preconditioner"]["mean"].float()
    opt.load_state_dict(saved)
    opt.step(problem.forward)
    assert opt.state["preconditioner"]["mean"].dtype == torch.float64
    assert opt.state["preconditioner"]["count"] == 2
