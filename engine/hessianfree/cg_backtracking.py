"""Choosing among the kept CG iterates: later ones fit the model better, and the objective sometimes worse.

[Martens 2010, 4.6]. A loss that is not a number counts as infinitely bad.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LastIterate:
    """No backtracking: the solution itself."""

    def choose(self, loss_of: Callable[[int], float], kept: Sequence[int]) -> int:
        del loss_of
        return kept[-1]


@dataclass(frozen=True)
class ExhaustiveBacktracking:
    """The best of all kept iterates; the earliest of equals."""

    def choose(self, loss_of: Callable[[int], float], kept: Sequence[int]) -> int:
        losses = {iteration: _comparable(loss_of(iteration)) for iteration in kept}
        return min(losses, key=losses.__getitem__)


@dataclass(frozen=True)
class EfficientBacktracking:
    """From the last kept iterate to the first while the loss still falls."""

    def choose(self, loss_of: Callable[[int], float], kept: Sequence[int]) -> int:
        best, best_loss = kept[-1], _comparable(loss_of(kept[-1]))
        for iteration in reversed(kept[:-1]):
            loss = _comparable(loss_of(iteration))
            if loss >= best_loss:
                break
            best, best_loss = iteration, loss
        return best


def _comparable(loss: float) -> float:
    return math.inf if math.isnan(loss) else loss


def cg_backtracking(
    f: Callable[[Any], Any], steps_list: Sequence[Any], verbose: bool = False
) -> tuple[int, float]:
    """Index and value of the entry of `steps_list` with the lowest f; None entries are passed over."""
    return _choose(ExhaustiveBacktracking(), f, steps_list, verbose)


def cg_efficient_backtracking(
    f: Callable[[Any], Any], steps_list: Sequence[Any], verbose: bool = False
) -> tuple[int, float]:
    """Index and value reached going from the last entry to the first, stopping at the first that is no improvement."""
    return _choose(EfficientBacktracking(), f, steps_list, verbose)


def _choose(
    selector: ExhaustiveBacktracking | EfficientBacktracking,
    f: Callable[[Any], Any],
    steps_list: Sequence[Any],
    verbose: bool,
) -> tuple[int, float]:
    values: dict[int, float] = {}

    def loss_of(index: int) -> float:
        values[index] = float(f(steps_list[index]))
        if verbose:
            print(f"cg-backtracking: iteration {index}, f = {values[index]:.6f}")
        return values[index]

    kept = [index for index, step in enumerate(steps_list) if step is not None]
    if not kept:
        raise ValueError("steps_list has no entry that is not None")
    best = selector.choose(loss_of, kept)
    return best, values[best]
