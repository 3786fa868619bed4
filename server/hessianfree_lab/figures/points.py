"""From a series' columns to what can be drawn: points of a line, and marks for values no line goes through.

The dashboard does the same with rows that arrive later (static/lib/feed.js); the two agree on every rule here.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from hessianfree_lab.records.scalars import to_float
from hessianfree_lab.records.series import Series

CLOCKS = ("step", "seconds", "wall_time", "elapsed")
"""What x may be beside a metric; a metric on x is its running total."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Keeps the rows whose `metric` equals `value`."""

    metric: str
    value: str | bool


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Finite values outside these become marks at the edge they lie beyond."""

    low: float
    high: float


POSITIVE = Limits(low=1e-300, high=1e300)
"""What a logarithmic axis can show: what is not above zero is marked at the lower edge."""


@dataclass(kw_only=True)
class Points:
    """Points of the line (y None: a gap where a mark stands), and the marks: edge 1 is the top, 0 the bottom."""

    x: list[float | str] = field(default_factory=list)
    y: list[float | None] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    mark_x: list[float | str] = field(default_factory=list)
    mark_edge: list[int] = field(default_factory=list)
    mark_text: list[str] = field(default_factory=list)
    mark_steps: list[int] = field(default_factory=list)


def points(
    series: Series, metric: str, *, condition: Condition | None = None, limits: Limits | None = None
) -> Points:
    """What to draw of `metric`; rows that did not measure it are left out, so that a line joins its neighbours."""
    found = Points()
    values = series.values.get(metric)
    if values is None:
        return found
    kept = series.values.get(condition.metric, [None] * len(values)) if condition else None
    for row in series.kept.get(metric, range(len(values))):
        value = values[row]
        if value is None or isinstance(value, str):
            continue
        if condition and kept is not None and kept[row] != condition.value:
            continue
        number = to_float(value)
        edge = edge_of(number, limits)
        found.x.append(series.x[row])
        found.y.append(number if edge is None else None)
        found.steps.append(series.steps[row])
        if edge is not None:
            found.mark_x.append(series.x[row])
            found.mark_edge.append(edge)
            found.mark_text.append(label_of(number))
            found.mark_steps.append(series.steps[row])
    return found


def edge_of(value: float, limits: Limits | None) -> int | None:
    """The edge at which `value` is marked: 1 for NaN, infinity and what lies above, 0 below; None: it is drawn."""
    if math.isnan(value) or value == math.inf or (limits and value > limits.high):
        return 1
    if value == -math.inf or (limits and value < limits.low):
        return 0
    return None


def label_of(value: float) -> str:
    """`value` as a mark's text names it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return f"{value:.4g}"


def x_numbers(x: Iterable[float | str]) -> npt.NDArray[np.float64]:
    """x as numbers: of moments the seconds since 1970."""
    return np.array(
        [datetime.fromisoformat(at).timestamp() if isinstance(at, str) else at for at in x], dtype=np.float64
    )


def x_values(numbers: npt.NDArray[np.float64], x_name: str) -> list[float | str]:
    """x as a figure of `x_name` has it: `x_numbers` undone."""
    if x_name != "wall_time":
        return numbers.tolist()  # type: ignore[no-any-return]
    return [datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z") for at in numbers.tolist()]
