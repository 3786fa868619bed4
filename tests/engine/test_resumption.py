"""Resuming in another process, and from checkpoints that say less."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine import problems, resume
from engine.runs import advance
from hessianfree import HessianFree


@pytest.mark.parametrize("way", ["forward", "model"])
def test_another_process_goes_on_to_the_bit(way, tmp_path):
    problem = problems.make("cross-entropy")
    opt = HessianFree(problem.parameters, **resume.SETTINGS)
    for _ in range(3):
        advance(opt, problem, way)
    checkpoint = tmp_path / "checkpoint.pt"
    torch.save({"model": problem.model.state_dict(), "optimizer": opt.state_dict()}, checkpoint)
    arguments = [sys.executable, str(Path(resume.__file__)), str(checkpoint), "3", way]
    printed = subprocess.run(
        arguments, capture_output=True, text=True, check=True, timeout=200
    ).stdout.split()
    losses = [advance(opt, problem, way) for _ in range(3)]
    assert printed == [value.hex() for value in [*losses, *problem.vector().tolist()]]


def earlier(opt):
    """The state_dict of an optimizer that knew `lr` and `damping` alone."""
    saved = opt.state_dict()
    for group in saved["param_groups"]:
        del group["weight_decay"]
    return saved


def test_a_checkpoint_from_before_weight_decay_goes_on_to_the_bit():
    problem, other = problems.make("mse"), problems.make("mse")
    opt, restored = HessianFree(problem.parameters), HessianFree(other.parameters)
    opt.step(problem.forward)
    other.model.load_state_dict(problem.model.state_dict())
    restored.load_state_dict(earlier(opt))
    assert restored.step(other.forward) == opt.step(problem.forward)
    assert restored.param_groups[0]["weight_decay"] == 0.0


@pytest.mark.parametrize("missing", ["x0", "final_losses", "best_cg_iters"])
def test_a_history_with_gaps_is_taken_as_it_is(missing):
    """The earlier implementation kept the final losses only when verbose."""
    problem, other = problems.make("mse"), problems.make("mse")
    opt, restored = HessianFree(problem.parameters), HessianFree(other.parameters)
    opt.step(problem.forward)
    saved = opt.state_dict()
    del saved["state"][missing]
    restored.load_state_dict(saved)
    restored.step(other.forward)
    assert len(restored.state["init_losses"]) == 2
    assert (missing in restored.state) is (missing == "x0")


def test_a_start_in_another_precision_is_converted():
    """A model loaded as float32 into one of float64, and its optimizer with it."""
    problem, other = problems.make("mse"), problems.make("mse")
    problem.model.float()
    single = problems.Problem(
        model=problem.model,
        loss_function=problem.loss_function,
        inputs=problem.inputs.float(),
        targets=problem.targets.float(),
    )
    opt, restored = HessianFree(single.parameters), HessianFree(other.parameters)
    opt.step(single.forward)
    restored.load_state_dict(opt.state_dict())
    restored.step(other.forward)
    assert restored.last_trace.model_values[0] != 0.0
    assert restored.state["x0"].dtype == torch.float64
