"""Curvatures that have come to replay their products, and what they run."""

import weakref
from collections import Counter
from functools import partial

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from engine import problems
from engine.problems import Problem
from hessianfree.curvature import GaussNewton, Hessian
from hessianfree.parameters import Parameters

CURVATURES = {"ggn": GaussNewton, "hessian": Hessian}
aten = torch.ops.aten


class Kernels(TorchDispatchMode):
    """Counts what runs inside."""

    def __init__(self):
        super().__init__()
        self.count = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count[func] += 1
        return func(*args, **(kwargs or {}))


class LoopedRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.into, self.recur, self.out = nn.Linear(2, 5), nn.Linear(5, 5, bias=False), nn.Linear(5, 3)

    def forward(self, sequence):
        state = torch.zeros(sequence.shape[1], 5, dtype=sequence.dtype)
        for x in sequence:
            state = torch.tanh(self.into(x) + self.recur(state))
        return self.out(state)


def recurrent(steps):
    torch.manual_seed(0)
    return Problem(
        model=LoopedRNN().double(),
        loss_function=nn.CrossEntropyLoss(),
        inputs=torch.randn(steps, 6, 2, dtype=torch.float64),
        targets=torch.randint(3, (6,)),
    )


def pooled():
    """Convolutions with biases, rectified and pooled; overlapping windows, too."""
    torch.manual_seed(0)
    return Problem(
        model=nn.Sequential(
            *(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.MaxPool2d(3, stride=2), nn.Sigmoid()),
            *(nn.Flatten(), nn.Linear(16, 3)),
        ).double(),
        loss_function=nn.CrossEntropyLoss(),
        inputs=torch.randn(5, 1, 10, 10, dtype=torch.float64),
        targets=torch.randint(3, (5,)),
    )


def vectors(problem, count):
    return torch.randn(
        count, problem.dimension, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )


MAKERS = [*(partial(problems.make, name) for name in problems.NAMES), pooled, partial(recurrent, 7)]


def replaying(problem, build, products=3):
    """A curvature of `problem` at its parameters that has come to replay."""
    curvature = build(*problem.forward(), Parameters([problem.parameters]))
    curvature.gradient()
    for v in vectors(problem, products):
        curvature(v)
    return curvature


def kernels_of(curvature, problem):
    with Kernels() as kernels:
        curvature(vectors(problem, 1)[0])
    return kernels.count


class Token:
    """A hook that does nothing: it lives as long as the graph that it is registered with."""

    def __call__(self, gradient):
        return None


def with_tokens(problem):
    """Weak references to a token in every graph that the model builds from now on."""
    seen = []

    def watch(module, given, answer):
        if answer.requires_grad:
            token = Token()
            answer.register_hook(token)
            seen.append(weakref.ref(token))

    problem.model.register_forward_hook(watch)
    return seen
