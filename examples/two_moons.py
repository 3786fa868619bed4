"""What the small-network examples share: two interleaved half circles, and a network to tell them apart."""

import math

import torch
from torch import Tensor, nn


def two_moons(samples: int, *, noise: float = 0.1, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Points [N, 2] and classes [N] of two half circles that reach into each other."""
    generator = torch.Generator().manual_seed(seed)
    angle = math.pi * torch.rand(samples, generator=generator)
    classes = torch.arange(samples) % 2
    upper = torch.stack([angle.cos(), angle.sin()], dim=1)
    lower = torch.stack([1 - angle.cos(), 0.5 - angle.sin()], dim=1)
    points = torch.where(classes[:, None] == 0, upper, lower)
    return points + noise * torch.randn(samples, 2, generator=generator), classes


def network(seed: int = 0) -> nn.Sequential:
    """A network of two hidden layers; small enough to watch every step."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 2))


def accuracy(model: nn.Module, points: Tensor, classes: Tensor) -> float:
    """Share of points whose class the model tells, in [0, 1]."""
    with torch.no_grad():
        return (model(points).argmax(1) == classes).float().mean().item()
