"""Plain networks for the digits."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import nn

Activation = Literal["tanh", "sigmoid", "softplus"]
"""Smooth ones alone: where the curvature of a kink is meant to be zero, second-order methods see nothing."""

_MODULES: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "softplus": nn.Softplus}


def perceptron(sizes: Sequence[int], activation: Activation, generator: torch.Generator) -> nn.Sequential:
    """Linear layers of these sizes with the activation between them; Glorot weights, zero biases.

    The parameters are drawn on the CPU in float64, so that one seed is one network on every device and in every dtype.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        linear = nn.Linear(inputs, outputs, dtype=torch.float64)
        nn.init.xavier_normal_(linear.weight, generator=generator)
        nn.init.zeros_(linear.bias)
        layers += [linear, _MODULES[activation]()]
    return nn.Sequential(*layers[:-1])
