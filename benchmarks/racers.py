"""Who trains the same model on the same data from the same start, each on a clock of its own."""

import copy
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
    loss: float  # on all data


class Racer:
    """One contender: `steps(model)` trains its copy of the model, an item a step."""

    def __init__(self, title: str, start: Start, steps: Callable[[nn.Module], Iterator[None]]) -> None:
        self.title, self._start = title, start
        self.model = copy.deepcopy(start.model)
        self._steps = steps(self.model)
        self._taken, self.seconds = 0, 0.0
        self.marks = [Mark(seconds=0.0, steps=0, loss=self._loss())]

    def race(self, until: float) -> None:
        """Go on until the clock shows `until` seconds, or the loss is no number any more."""
        while self.seconds < until and self.marks[-1].loss < float("inf"):
            started = time.perf_counter()
            next(self._steps)
            self.seconds += time.perf_counter() - started
            self._taken += 1
            if self.seconds >= min((1 + CHECKS) * self.marks[-1].seconds, until):
                self.marks.append(Mark(seconds=self.seconds, steps=self._taken, loss=self._loss()))

    @property
    def lowest(self) -> Mark:
        """The first mark with the lowest loss."""
        return min(self.marks, key=lambda mark: mark.loss)

    def first_below(self, loss: float) -> Mark | None:
        """The first mark at `loss` or below; None: it never got there."""
        return next((mark for mark in self.marks if mark.loss <= loss), None)

    @torch.no_grad()
    def _loss(self) -> float:
        start = self._start
        return start.loss_function(self.model(start.inputs), start.targets).item()


def adam(start: Start, rate: float) -> Racer:
    """Adam, batches in a seeded order."""

    def steps(model: nn.Module) -> Iterator[None]:
        optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
        generator = torch.Generator().manual_seed(0)
        while True:
            order = torch.randperm(len(start.inputs), generator=generator)
            for chosen in order.split(start.batch_size):
                if len(chosen) == start.batch_size:
                    optimizer.zero_grad()
                    start.loss_function(model(start.inputs[chosen]), start.targets[chosen]).backward()
                    optimizer.step()
                    yield

    return Racer(f"Adam, {rate:g}", start, steps)


def predecessor(start: Start) -> Racer:
    """The plain transcription of the earlier implementation, its ratio measured from zero, else at its defaults."""

    def steps(model: nn.Module) -> Iterator[None]:
        optimizer = Predecessor(list(model.parameters()), ratio_from_zero=True)
        while True:
            optimizer.step(_closure(model, start))
            yield

    return Racer("earlier implementation", start, steps)


def plain(start: Start) -> Racer:
    """The engine's own drop-in defaults: the same method, made faster."""

    def steps(model: nn.Module) -> Iterator[None]:
        optimizer = HessianFree(model.parameters())
        while True:
            _quietly(partial(optimizer.step, _closure(model, start)))
            yield

    return Racer("HessianFree(...)", start, steps)


def recommended(
    start: Start,
    title: str = "HessianFree.recommended(...)",
    change: Callable[[HessianFree], None] | None = None,
) -> Racer:
    """The recommended settings on growing batches; `change` exchanges parts before the first step."""

    def steps(model: nn.Module) -> Iterator[None]:
        optimizer = HessianFree.recommended(model.parameters(), model)
        if change is not None:
            change(optimizer)
        batches = GrowingBatches(start.inputs, start.targets, first=start.first, growth=1.04, judge_share=2.0)
        while True:
            lists: dict[str, Any] = next(batches).lists
            _quietly(partial(optimizer.acc_step, model, start.loss_function, **lists))
            yield

    return Racer(title, start, steps)


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
