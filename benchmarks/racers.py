"""Who trains the same model on the same data from the same start, each on a clock of its own."""

import copy
import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from predecessor import Predecessor
from torch import Tensor, nn

from hessianfree import HessianFree
from hessianfree.batches import GrowingBatches
from hessianfree.method import Method

CHECKS = 0.02
"""The loss on all data is looked at whenever the clock has gone on by this share, off the clock."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """A model at its initialization, a mean loss, and all training data."""

    title: str
    model: nn.Module
    loss_function: Callable[[Tensor, Tensor], Tensor]
    inputs: Tensor
    targets: Tensor
    batch_size: int  # of first-order methods
    first: int  # cases of the first step on growing batches


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Where a racer was."""

    seconds: float
    steps: int
    iterations: int  # of CG
    gradients: float  # of all data, or as much other arithmetic
    loss: float  # on all data


Spent = tuple[int, float]
"""CG iterations and gradients of one step."""


class Racer:
    """One contender: `steps(model)` trains its copy of the model, an item a step."""

    def __init__(self, title: str, start: Start, steps: Callable[[nn.Module], Iterator[Spent]]) -> None:
        self.title, self._start = title, start
        self.model = copy.deepcopy(start.model)
        self._steps = steps(self.model)
        self._taken, self._iterations, self._gradients, self.seconds = 0, 0, 0.0, 0.0
        self.marks = [self._mark()]

    def race(self, until: float, target: float = -math.inf) -> None:
        """Go on until the clock shows `until` seconds, or the loss is at `target`, or no number any more."""
        while self.seconds < until and target < self.marks[-1].loss < math.inf:
            started = time.perf_counter()
            iterations, gradients = next(self._steps)
            self.seconds += time.perf_counter() - started
            self._taken += 1
            self._iterations += iterations
            self._gradients += gradients
            if self.seconds >= min((1 + CHECKS) * self.marks[-1].seconds, until):
                self.marks.append(self._mark())

    @property
    def lowest(self) -> Mark:
        """The first mark with the lowest loss."""
        return min(self.marks, key=lambda mark: mark.loss)

    def first_below(self, loss: float) -> Mark | None:
        """The first mark at `loss` or below; None: it never got there."""
        return next((mark for mark in self.marks if mark.loss <= loss), None)

    @torch.no_grad()
    def _mark(self) -> Mark:
        start = self._start
        return Mark(
            seconds=self.seconds,
            steps=self._taken,
            iterations=self._iterations,
            gradients=self._gradients,
            loss=start.loss_function(self.model(start.inputs), start.targets).item(),
        )


def adam(start: Start, rate: float) -> Racer:
    """Adam, batches in a seeded order."""

    def steps(model: nn.Module) -> Iterator[Spent]:
        optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
        generator = torch.Generator().manual_seed(0)
        while True:
            order = torch.randperm(len(start.inputs), generator=generator)
            for chosen in order.split(start.batch_size):
                if len(chosen) == start.batch_size:
                    optimizer.zero_grad()
                    start.loss_function(model(start.inputs[chosen]), start.targets[chosen]).backward()
                    optimizer.step()
                    yield 0, len(chosen) / len(order)

    return Racer(f"Adam, {rate:g}", start, steps)


def predecessor(start: Start) -> Racer:
    """The plain transcription of the earlier implementation, its ratio measured from zero, else at its defaults."""

    def steps(model: nn.Module) -> Iterator[Spent]:
        optimizer = Predecessor(list(model.parameters()), ratio_from_zero=True)
        while True:
            evaluations = optimizer.loss_evaluations
            optimizer.step(_closure(model, start))
            iterations = len(optimizer.model_values) - 1
            # The gradient; a product an iteration and one at CG's start, 4/3 each; losses, a third each.
            yield (
                iterations,
                1 + (iterations + 1) * 4 / 3 + (optimizer.loss_evaluations - evaluations) / 3,
            )

    return Racer("earlier implementation", start, steps)


def plain(start: Start) -> Racer:
    """The engine's own drop-in defaults: the same method, made faster."""
    return on_all_data(start, "HessianFree(...)", lambda model: HessianFree(model.parameters()))


def on_all_data(start: Start, title: str, make: Callable[[nn.Module], HessianFree]) -> Racer:
    """All data in every step."""

    def steps(model: nn.Module) -> Iterator[Spent]:
        optimizer = make(model)
        while True:
            _quietly(partial(optimizer.step, _closure(model, start)))
            yield _spent(optimizer, 1.0)

    return Racer(title, start, steps)


def recommended(
    start: Start,
    title: str = "HessianFree.recommended(...)",
    change: Callable[[Method], Method] = lambda method: method,
    *,
    damping: float | None = None,
    curvature_share: float = 1.0,
    judge_share: float = 2.0,
) -> Racer:
    """The recommended settings on growing batches; `change` exchanges parts before the first step."""

    def steps(model: nn.Module) -> Iterator[Spent]:
        optimizer = HessianFree.recommended(model.parameters(), model, damping=damping)
        optimizer.method = change(optimizer.method)
        batches = GrowingBatches(
            start.inputs,
            start.targets,
            first=start.first,
            growth=1.04,
            curvature_share=curvature_share,
            judge_share=judge_share,
        )
        for data in batches:
            lists: dict[str, Any] = data.lists
            _quietly(partial(optimizer.acc_step, model, start.loss_function, **lists))
            cases = sum(len(inputs) for inputs, _ in data.gradient)
            yield _spent(optimizer, cases / len(start.inputs))

    return Racer(title, start, steps)


def _spent(optimizer: HessianFree, share: float) -> Spent:
    """`share` of all cases is what counts as a gradient in the report."""
    report = optimizer.last_report
    assert report is not None
    return report.cg_iterations, report.gradient_equivalents * share


def _closure(model: nn.Module, start: Start) -> Callable[[], tuple[Tensor, Tensor]]:
    def forward() -> tuple[Tensor, Tensor]:
        outputs = model(start.inputs)
        return start.loss_function(outputs, start.targets), outputs

    return forward


def _quietly(step: Callable[[], object]) -> None:
    """Warnings about single steps are for people who watch them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        step()
