"""What findings are made from: the columns of one run, none of them sampled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Steps = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """One metric where it was measured: the steps, ascending, and its values there, NaN and infinities as such."""

    steps: Steps
    values: Floats

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def finite(self) -> "Column":
        """Without what is not finite."""
        return self.where(np.isfinite(self.values))

    def where(self, kept: npt.NDArray[np.bool_]) -> "Column":
        """The rows for which `kept` is true."""
        return self if kept.all() else Column(self.steps[kept], self.values[kept])

    def at(self, steps: Steps) -> "Column":
        """The rows of these steps, all of which it has."""
        return self if steps is self.steps else Column(steps, self.values[np.searchsorted(self.steps, steps)])

    def last(self, rows: int) -> "Column":
        """The last `rows` rows, or all where there are fewer."""
        return Column(self.steps[-rows:], self.values[-rows:])

    def since(self, step: int) -> "Column":
        """The rows from `step` on."""
        begin = int(np.searchsorted(self.steps, step))
        return Column(self.steps[begin:], self.values[begin:])


NOTHING = Column(np.empty(0, dtype=np.int64), np.empty(0))


@dataclass(frozen=True, kw_only=True)
class Recent:
    """The latest steps with what only rows have: clocks and texts. All lists have an entry a step, in order."""

    steps: Steps = field(default_factory=lambda: NOTHING.steps)
    seconds: Floats = field(default_factory=lambda: NOTHING.values)  # of training so far
    moments: Floats = field(default_factory=lambda: NOTHING.values)  # on the wall, in seconds since 1970
    stops: tuple[str | None, ...] = ()  # why each inner solve ended


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """A stretch of time in which no step could be made: a pause, or the time between two attempts.

    In seconds since 1970; it may go on (infinity).
    """

    begin: float
    end: float


@dataclass(frozen=True, kw_only=True)
class Record:
    """One run. `columns` has the numbers and flags (0 or 1) it measured: all of those in `WHOLE`, or the latest."""

    columns: Mapping[str, Column] = field(default_factory=dict)
    recent: Recent = field(default_factory=Recent)
    interruptions: tuple[Interruption, ...] = ()
    spec: Mapping[str, Any] = field(default_factory=dict)
    is_job: bool = True
    has_ended: bool = False
    cause: str | None = None  # of a failure
    ritz_values: tuple[float, ...] = ()  # of the latest inner solve that has some, ascending
    ritz_step: int | None = None
    warned_of_randomness: bool = False  # the optimizer's own check said so into the log

    def column(self, metric: str) -> Column:
        """One metric; without rows where it was never measured."""
        return self.columns.get(metric, NOTHING)

    def together(self, *metrics: str) -> tuple[Steps, tuple[Floats, ...]]:
        """The steps at which all of `metrics` were measured, and their values there."""
        found = [self.column(metric) for metric in metrics]
        steps = found[0].steps
        for column in found[1:]:
            if column.steps is not steps:
                steps = np.intersect1d(steps, column.steps, assume_unique=True)
        return steps, tuple(column.at(steps).values for column in found)

    @property
    def last_step(self) -> int:
        """The highest step with any value; 0: none."""
        return max((int(column.steps[-1]) for column in self.columns.values() if len(column)), default=0)

    @property
    def draws_batches(self) -> bool | None:
        """Whether steps see different data; None: unknown, as of a script's run."""
        if not self.is_job:
            return None
        return self.spec.get("problem_params", {}).get("batch_size") is not None

    @property
    def is_second_order(self) -> bool:
        """Whether steps come from a quadratic model that is solved by CG."""
        return len(self.column("cg_iterations")) > 0
