"""state_dict and load_state_dict: training goes on to the bit."""

import copy
import io

import pytest
import torch

from engine import problems
from engine.runs import advance
from hessianfree.optimizer import HessianFree


def through_a_file(saved):
    """As torch.load reads it by default: no code, only tensors and plain values."""
    file = io.BytesIO()
    torch.save(saved, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("steps_before", [0, 1, 3])
@pytest.mark.parametrize("way", ["forward", "model"])
@pytest.mark.parametrize("settings", [{}, {"use_cg_backtracking": False, "cg_decay_x0": 1.0}], ids=str)
def test_a_restored_run_continues_to_the_bit(settings, way, steps_before):
    problem = problems.make("cross-entropy")
    opt = HessianFree(problem.parameters, **settings)
    for _ in range(steps_before):
        advance(opt, problem, way)
    model_saved, opt_saved = through_a_file([problem.model.state_dict(), opt.state_dict()])
    uninterrupted = [advance(opt, problem, way) for _ in range(4)]

    other = problems.make("cross-entropy", seed=1)
    other = problems.Problem(
        model=other.model, loss_function=problem.loss_function, inputs=problem.inputs, targets=problem.targets
    )
    other.model.load_state_dict(model_saved)
    restored = HessianFree(other.parameters, damping=77.0, lr=0.1, **settings)
    restored.load_state_dict(opt_saved)
    assert [advance(restored, other, way) for _ in range(4)] == uninterrupted
    assert torch.equal(other.vector(), problem.vector())
    assert restored.param_groups[0]["damping"] == opt.param_groups[0]["damping"]
    for name, values in opt.state.items():
        if name != "x0":
            assert restored.state[name] == values
    assert torch.equal(restored.state["x0"], opt.state["x0"])


def test_without_the_checkpoint_it_would_not():
    """The warm start and the damping matter in the test above."""
    problem = problems.make("cross-entropy")
    opt = HessianFree(problem.parameters)
    for _ in range(3):
        opt.step(problem.forward)
    fresh_problem = copy.deepcopy(problem)
    fresh = HessianFree(fresh_problem.parameters)
    assert opt.step(problem.forward) != fresh.step(fresh_problem.forward)


def test_a_checkpoint_does_not_change_afterwards():
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters)
    opt.step(problem.forward)
    saved = opt.state_dict()
    kept = copy.deepcopy(saved)
    opt.step(problem.forward)
    opt.step(problem.forward)
    assert torch.equal(saved["state"].pop("x0"), kept["state"].pop("x0"))
    assert saved == kept


def test_loading_takes_a_copy():
    """Two optimizers loaded from one checkpoint do not share their histories."""
    problem = problems.make("mse")
    opt = HessianFree(problem.parameters)
    opt.step(problem.forward)
    saved = opt.state_dict()
    first, second = HessianFree(problem.parameters), HessianFree(problem.parameters)
    first.load_state_dict(saved)
    second.load_state_dict(saved)
    first.step(problem.forward)
    assert len(first.state["init_losses"]) == 2
    assert len(second.state["init_losses"]) == len(saved["state"]["init_losses"]) == 1


def test_settings_of_several_groups_come_back():
    problem = problems.make("mse")
    groups = [
        {"params": problem.parameters[:2], "damping": 0.5, "lr": 0.3},
        {"params": problem.parameters[2:], "damping": 2.0},
    ]
    opt = HessianFree(groups)
    opt.step(problem.forward)
    restored = HessianFree([{"params": group["params"]} for group in groups])
    restored.load_state_dict(through_a_file(opt.state_dict()))
    assert [(g["damping"], g["lr"]) for g in restored.param_groups] == [
        (g["damping"], g["lr"]) for g in opt.param_groups
    ]


def test_a_checkpoint_of_other_parameters_is_refused():
    opt = HessianFree(problems.make("mse").parameters)
    with pytest.raises(ValueError, match="parameter group"):
        HessianFree(problems.make("mse").parameters[:2]).load_state_dict(opt.state_dict())
