"""Derivatives by central differences, to hold those of autograd against."""

import torch
from torch import Tensor

from hessianfree.parameters import Parameters
from hessianfree_lab.training.problems.interface import Batch, Task, set_parameters

DIFFERENCE = 1e-5  # relative to the size of what is moved


def random_direction(task: Task) -> list[Tensor]:
    """A random direction, as long as the parameters or 1."""
    source = torch.Generator().manual_seed(0)
    parts = [torch.randn(p.shape, generator=source, dtype=torch.float64) for p in task.parameters]
    length = torch.stack([part.square().sum() for part in parts]).sum().sqrt()
    size = torch.stack([p.detach().square().sum() for p in task.parameters]).sum().sqrt().clamp(min=1)
    return [part * size / length for part in parts]


@torch.no_grad()
def moved(task: Task, direction: list[Tensor], share: float) -> float:
    """The loss with the parameters moved so far along a direction; they are as before afterwards."""
    before = [parameter.clone() for parameter in task.parameters]
    set_parameters(task.parameters, [p + share * d for p, d in zip(before, direction, strict=True)])
    loss = task.forward()[0].item()
    set_parameters(task.parameters, before)
    return loss


def unit(parameters: Parameters, place: int) -> Tensor:
    """One parameter's direction, in all of them as one vector [P]."""
    vector = torch.zeros(parameters.dimension, dtype=torch.float64)
    vector[place] = 1.0
    return vector


@torch.no_grad()
def output_slope(part: Batch, task: Task, parameters: Parameters, place: int) -> Tensor:
    """The derivative of the outputs in one parameter, by central differences."""
    before = [parameter.clone() for parameter in task.parameters]
    moved = parameters.split(unit(parameters, place))
    ends = []
    for share in (DIFFERENCE, -DIFFERENCE):
        set_parameters(task.parameters, [p + share * d for p, d in zip(before, moved, strict=True)])
        ends.append(part.model(part.inputs))
    set_parameters(task.parameters, before)
    slope: Tensor = (ends[0] - ends[1]) / (2 * DIFFERENCE)
    return slope


def loss_curvature(part: Batch, outputs: Tensor, move: Tensor) -> Tensor:
    """The Hessian of the loss in the outputs, times `move`, by central differences of its gradient."""
    size = max(float(move.abs().max()), 1e-12)
    slopes = []
    for share in (DIFFERENCE / size, -DIFFERENCE / size):
        at = (outputs + share * move).requires_grad_()
        slopes.append(torch.autograd.grad(part.loss_function(at, part.targets), at)[0])
    return (slopes[0] - slopes[1]) / (2 * DIFFERENCE / size)
