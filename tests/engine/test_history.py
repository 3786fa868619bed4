"""What a step answers, and the history and the next CG start that it leaves in `state`."""

import pytest
import torch

from engine import problems
from engine.runs import SWITCHES, trained
from hessianfree.optimizer import HessianFree

LISTS = [
    "init_losses",
    "final_losses",
    "dampings",
    "cg_reasons",
    "num_cg_iters",
    "best_cg_iters",
    "learning_rates",
]


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_a_step_answers_the_final_loss_as_a_float(switches, verbose):
    problem, opt, losses = trained(3, verbose=verbose, **switches)
    assert all(type(loss) is float for loss in losses)
    assert losses[-1] == problem.forward()[0].item()
    assert opt.state["final_losses"] == losses


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_the_history_has_an_entry_a_step(switches):
    problem, opt, _ = trained(4, **switches)
    for name in LISTS:
        if name == "best_cg_iters" and not switches["use_cg_backtracking"]:
            assert name not in opt.state
        else:
            assert isinstance(opt.state[name], list), name
            assert len(opt.state[name]) == 4, name
    assert opt.state["init_losses"][1:] == opt.state["final_losses"][:-1]
    assert opt.state["init_losses"][0] == problems.make("cross-entropy").forward()[0].item()
    assert opt.state["dampings"][0] == 1.0
    assert all(type(reason) is str for reason in opt.state["cg_reasons"])
    assert all(type(count) is int for count in opt.state["num_cg_iters"])
    assert opt.state["x0"].shape == (problem.dimension,)


def test_the_history_is_there_before_the_first_step():
    opt = HessianFree(problems.make("mse").parameters)
    assert {name: opt.state[name] for name in LISTS} == {name: [] for name in LISTS}


def test_the_damping_in_force_is_the_groups():
    _, opt, _ = trained(3)
    in_force = opt.param_groups[0]["damping"]
    assert in_force != opt.state["dampings"][-1]
    assert opt.state["dampings"] == pytest.approx([1.0, 2 / 3, 4 / 9])
    assert in_force == pytest.approx(8 / 27)


def test_a_damping_set_by_hand_is_used():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, adapt_damping=False)
    opt.step(problem.forward)
    opt.param_groups[0]["damping"] = 50.0
    opt.step(problem.forward)
    assert opt.state["dampings"] == [1.0, 50.0]
    assert opt.last_report.damping == 50.0
    assert opt.last_trace.damping == 50.0


@pytest.mark.parametrize("steps_before", [0, 1])
def test_the_state_holds_the_next_cg_start(steps_before):
    """Written by hand, too: CG's first model value is the quadratic's there."""
    problem, opt, _ = trained(steps_before, adapt_damping=False, damping=0.7)
    start = torch.linspace(-1, 1, problem.dimension, dtype=torch.float64)
    opt.state["x0"] = start.clone()
    A = problem.dense_ggn() + 0.7 * torch.eye(problem.dimension, dtype=torch.float64)
    expected = (0.5 * start @ A @ start + problem.dense_gradient() @ start).item()
    opt.step(problem.forward)
    assert opt.last_trace.model_values[0] == pytest.approx(expected, rel=1e-9)


def test_the_next_cg_start_is_the_decayed_solution():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters, damping=2.0, cg_decay_x0=0.8)
    A = problem.dense_ggn() + 2.0 * torch.eye(problem.dimension, dtype=torch.float64)
    solution = torch.linalg.solve(A, -problem.dense_gradient())
    opt.step(problem.forward)
    torch.testing.assert_close(opt.state["x0"], 0.8 * solution, rtol=0, atol=1e-5)


def test_it_is_cgs_last_iterate_that_is_carried_over_not_the_chosen_one():
    _, opt, _ = trained(1, name="bce")
    assert opt.state["best_cg_iters"][0] < opt.state["num_cg_iters"][0]
    problem = problems.make("bce")
    A = problem.dense_ggn() + torch.eye(problem.dimension, dtype=torch.float64)
    residual = A @ opt.state["x0"] / 0.95 + problem.dense_gradient()
    assert residual.norm() < 1e-5 * problem.dense_gradient().norm()
