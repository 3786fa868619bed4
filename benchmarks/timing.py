"""Seconds of functions that take turns, and how ratios of them spread."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The quartiles of some values; the one in the middle is the median."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of one value: that value."""
        low, median, high = (
            statistics.quantiles(values, n=4, method="inclusive") if values[1:] else values * 3
        )
        return cls(low=low, median=median, high=high)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What is timed, and what is done before it each time, outside the clock."""

    run: Callable[[], object]
    prepare: Callable[[], object] = lambda: None


def take_turns(turns: Mapping[str, Turn], rounds: int, device: str) -> dict[str, list[float]]:
    """Seconds of every turn, one entry a round, after a warm-up.

    Within a round each has its turn, and the next round goes backwards: a machine that slows down slows them alike.
    """
    for turn in turns.values():
        _seconds(turn, device)
    times: dict[str, list[float]] = {name: [] for name in turns}
    order = list(turns)
    for _ in range(rounds):
        for name in order:
            times[name].append(_seconds(turns[name], device))
        order.reverse()
    return times


def ratios(over: Sequence[float], under: Sequence[float]) -> Spread:
    """Of two turns, paired by round."""
    return Spread.of([a / b for a, b in zip(over, under, strict=True)])


def _seconds(turn: Turn, device: str) -> float:
    turn.prepare()
    _synchronize(device)
    started = time.perf_counter()
    turn.run()
    _synchronize(device)
    return time.perf_counter() - started


def _synchronize(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
