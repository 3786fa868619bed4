"""Where these tests train."""

import torch

from engine import problems

GPU = torch.device("cuda", 0)
CPU = torch.device("cpu")


def problem_on(device, name="mse"):
    """A problem in float64, with model, data and loss there."""
    problem = problems.make(name)
    return problems.Problem(
        model=problem.model.to(device),
        loss_function=problem.loss_function.to(device),
        inputs=problem.inputs.to(device),
        targets=problem.targets.to(device),
    )
