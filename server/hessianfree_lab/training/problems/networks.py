"""Plain networks, and how they are initialized."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import nn

Activation = Literal["tanh", "sigmoid", "softplus"]
"""Smooth ones alone: where the curvature of a kink is meant to be zero, second-order methods see nothing."""

Initialization = Callable[[nn.Linear, torch.Generator], None]
"""Draws a layer's parameters."""

INCOMING = 15  # weights that are not zero at first, a unit [Martens 2010, 5]

_MODULES: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "softplus": nn.Softplus}


def glorot(linear: nn.Linear, generator: torch.Generator) -> None:
    """Normal weights of Glorot's variance, zero biases."""
    nn.init.xavier_normal_(linear.weight, generator=generator)
    nn.init.zeros_(linear.bias)


def sparse(linear: nn.Linear, generator: torch.Generator) -> None:
    """At each unit 15 incoming weights from N(0, 1), the others zero; zero biases [Martens 2010, 5].

    Units differ much from each other, and none is saturated however many inputs it has.
    """
    sparse_weights(linear.weight, generator)
    nn.init.zeros_(linear.bias)


@torch.no_grad()
def sparse_weights(weight: torch.Tensor, generator: torch.Generator) -> None:
    """The weights [units, inputs] of `sparse`; all of them are drawn where there are no more than 15 inputs."""
    chosen = torch.rand(weight.shape, generator=generator, dtype=torch.float64).argsort(1)[:, :INCOMING]
    values = torch.randn(chosen.shape, generator=generator, dtype=torch.float64)
    weight.zero_().scatter_(1, chosen, values.to(weight.dtype))


def perceptron(
    sizes: Sequence[int],
    activation: Activation,
    generator: torch.Generator,
    initialize: Initialization = glorot,
) -> nn.Sequential:
    """Linear layers of these sizes with the activation between them.

    The parameters are drawn on the CPU in float64, so that one seed is one network on every device and in every dtype.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        linear = nn.Linear(inputs, outputs, dtype=torch.float64)
        initialize(linear, generator)
        layers += [linear, _MODULES[activation]()]
    return nn.Sequential(*layers[:-1])
