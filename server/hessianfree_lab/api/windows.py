"""The part of its runs that a figure shows, as requests name it: `start`, `stop` and `points`."""

import math
from datetime import UTC, datetime

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records.series import Window

MAX_RUNS = 100  # in one figure
MAX_POINTS = 2000
"""Of a run and metric; more cannot be told apart on a screen."""
ALL_POINTS = 30_000
"""Of a figure, however many runs it shows: what a browser draws at once."""
LEAST_POINTS = 200


def window_of(*, x: str, start: str | None, stop: str | None, points: int | None, runs: int) -> Window:
    """`points` None: as many as a figure of so many runs bears. Raises InvalidRequest for bounds that are none."""
    bounds = {name: _bound(name, value, x) for name, value in (("start", start), ("stop", stop))}
    if None not in bounds.values() and bounds["start"] > bounds["stop"]:  # type: ignore[operator]
        raise InvalidRequest([Fault("stop", f"stop is {stop!r}; it must not be before start, {start!r}.")])
    fair = max(LEAST_POINTS, min(MAX_POINTS, ALL_POINTS // runs))
    return Window(x=x, start=bounds["start"], stop=bounds["stop"], points=points or fair)


def _bound(name: str, value: str | None, x: str) -> float | None:
    if value is None:
        return None
    try:
        return _moment(value) if x == "wall_time" else _number(value)
    except ValueError:
        expected = "a time such as 2026-03-01T12:00:00Z" if x == "wall_time" else "a number"
        raise InvalidRequest(
            [Fault(name, f"{name} is {value!r}; along {x} it must be {expected}.")]
        ) from None


def _number(value: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _moment(value: str) -> float:
    """Seconds since 1970; a time without a zone is in UTC, as figures show it."""
    moment = datetime.fromisoformat(value)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
