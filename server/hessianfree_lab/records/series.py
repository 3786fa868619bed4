"""A run's series as the store reads them and figures draw them."""

from dataclasses import dataclass, field

from hessianfree_lab.records.attempts import AttemptInfo
from hessianfree_lab.records.controls import Control
from hessianfree_lab.records.runs import Run


@dataclass(frozen=True, kw_only=True)
class Window:
    """What part of its runs a figure shows: along `x` between two bounds, in about so many points for each metric.

    `start` and `stop` are in x's own units (of times: seconds since 1970), both included; None: no bound.
    """

    x: str = "step"
    start: float | None = None
    stop: float | None = None
    points: int | None = None


@dataclass(frozen=True)
class Series:
    """Columns of one run: `x`, `steps` and every list in `values` have one entry a row, in order of step.

    `x` holds what was asked for: steps, seconds, RFC 3339 times, or the running total of a metric that counts. Values
    are floats (NaN and infinities as such), bools, strings, or None where the step has no such metric. `total` rows
    lie in the range asked for; `sampled` says that fewer are here. Of these `kept` are the indices of those that stay
    for a metric's own sake, and all that a plot of it needs; it has none where nothing was left out. `origin`: when
    the run's first step was made, in seconds since 1970, where x counts from it.
    """

    x_name: str
    x: list[float | str]
    steps: list[int]
    values: dict[str, list[float | bool | str | None]] = field(default_factory=dict)
    total: int = 0
    sampled: bool = False
    kept: dict[str, list[int]] = field(default_factory=dict)
    origin: float | None = None


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One run as figures draw it: what it is, what happened to it, and what it measured."""

    run: Run
    attempts: tuple[AttemptInfo, ...]
    controls: tuple[Control, ...]
    series: Series
