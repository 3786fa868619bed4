"""What x may be: which columns it is made of, where each row stands on it, and which rows lie between two bounds."""

from datetime import UTC, datetime, timedelta

import numpy as np

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.store.interface import COUNTING_METRICS
from hessianfree_lab.store.rows import SECONDS, WALL_TIME, Column, Floats, Numbers

CLOCKS = {"seconds": SECONDS, "wall_time": WALL_TIME, "elapsed": WALL_TIME}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = 1e6


def check(x: str) -> None:
    """Raise InvalidRequest unless `x` can be an axis."""
    allowed = ("step", *CLOCKS, *COUNTING_METRICS)
    if x not in allowed:
        raise InvalidRequest([Fault("x", f"x is {x!r}; it must be one of {', '.join(allowed)}.")])


def column_of(x: str) -> str | None:
    """The column that x is made of, beside the numbers of the steps; None: they are enough."""
    return None if x == "step" else CLOCKS.get(x, x)


def counts_from_first(x: str) -> bool:
    """Whether a row's x depends on all rows before it, or on the first."""
    return x == "elapsed" or x in COUNTING_METRICS


def places(x: str, numbers: Numbers, column: Column | None) -> Floats:
    """x of each row: steps, seconds, seconds since 1970 or since the first row, or a running total.

    Where x counts from the first row, the rows are all there are from that one on.
    """
    if column is None:
        return numbers.astype(np.float64)
    values, measured = column
    if x in COUNTING_METRICS:
        # What is no number adds nothing: nothing would have a place behind it.
        return np.cumsum(np.where(measured & np.isfinite(values), values, 0.0))
    if x == "seconds":
        return values
    return (values - values[:1].sum() if x == "elapsed" else values) / _MICROSECONDS


def between(places: Floats, start: float | None, stop: float | None) -> slice:
    """The rows from the first at `start` or beyond to the last at `stop` or before, and one neighbour at either side.

    With the neighbours a line leaves the part that is shown where the whole line would. x need not be monotone
    (a clock may have been set back): then some rows between the two may lie outside.
    """
    inside = np.ones(len(places), dtype=bool)
    if start is not None:
        inside &= places >= start
    if stop is not None:
        inside &= places <= stop
    found = np.flatnonzero(inside)
    if len(found):
        return slice(max(0, int(found[0]) - 1), int(found[-1]) + 2)
    # Nothing inside: the two rows around it, through which the line passes.
    after = len(places) if start is None else int(np.count_nonzero(places < start))
    return slice(max(0, after - 1), after + 1)


def told(x: str, places: Floats, numbers: Numbers) -> list[float | str]:
    """x as figures and the wire have it: steps whole, times in RFC 3339."""
    if x == "step":
        return list(numbers.tolist())
    if x == "wall_time":
        return list(map(_rfc3339, np.rint(places * _MICROSECONDS).tolist()))
    return list(places.tolist())


def _rfc3339(microseconds: float) -> str:
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")
