"""A training resumed in a process of its own: `python resume.py CHECKPOINT STEPS` prints every loss, in full."""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from engine import problems
from engine.runs import advance
from hessianfree import HessianFree

SETTINGS = {"lr": 1.5, "weight_decay": 0.05, "reject_worse": True}


def resume(saved, steps, way):
    """A training made anew, loaded, and gone on with; answers losses and parameters."""
    problem = problems.make("cross-entropy", seed=5)
    data = problems.make("cross-entropy")
    problem = problems.Problem(
        model=problem.model, loss_function=data.loss_function, inputs=data.inputs, targets=data.targets
    )
    opt = HessianFree(problem.parameters, **SETTINGS)
    problem.model.load_state_dict(saved["model"])
    opt.load_state_dict(saved["optimizer"])
    return [advance(opt, problem, way) for _ in range(steps)], problem.vector()


if __name__ == "__main__":
    losses, vector = resume(torch.load(sys.argv[1], weights_only=True), int(sys.argv[2]), sys.argv[3])
    print(*(value.hex() for value in [*losses, *vector.tolist()]))
