"""What a run recorded."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from hessianfree_lab.records import CGTrace, Landscape, LogLine, Spectrum, StepRecord
from hessianfree_lab.records.answers import Neighbours
from hessianfree_lab.records.series import Recording, Series, Window

if TYPE_CHECKING:
    from hessianfree_lab.store.measurements import Columns

Answer = TypeVar("Answer")

COUNTING_METRICS = ("gradient_equivalents", "curvature_products", "loss_evaluations", "examples")
"""Metrics whose running total can be an x axis."""


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """A log line and the attempt that printed it; `position` orders all lines of a run."""

    position: int
    attempt: int
    line: LogLine


@dataclass(frozen=True, kw_only=True)
class LogQuery:
    """Which lines of a log: those that contain `text`, whatever its case, from any of `streams`. Empty: all."""

    text: str = ""
    streams: tuple[str, ...] = ()


EVERY_LINE = LogQuery()


class Recorded(Protocol):
    """Series, inner solves, spectra and logs of runs."""

    def series(
        self,
        run_id: str,
        names: Sequence[str],
        *,
        x: str = "step",
        start: int | None = None,
        stop: int | None = None,
        max_points: int | None = None,
    ) -> Series:
        """Columns of the steps from `start` to `stop`, both included; no names: every numeric metric.

        `x`: `step`, `seconds`, `wall_time`, or one of `COUNTING_METRICS`, whose running total since the run's first
        step it then is. More than `max_points` rows are thinned to each column's minima and maxima; first, last and
        every non-finite row always stay, so a few more may come. A name that no step has is a column of None. A
        column that has numbers is of floats; of others the values are as they came.
        """
        ...

    def recordings(self, run_ids: Sequence[str], names: Sequence[str], window: Window) -> list[Recording]:
        """What figures draw of these runs, all as of one moment; `RunNotFound` if one of them is not there.

        A series has of `names` those that its run has, or else the first; `x` may also be `elapsed`, seconds since the
        run's first step. Beside the rows within the window comes one at either side of it.
        """
        ...

    def measurements(
        self, run_id: str, names: Sequence[str], *, along: Sequence[str] = (), last: int | None = None
    ) -> "Columns":
        """Every row of these metrics, or the `last` of them: of one run, since they may be millions.

        `along`: every x, as of `recordings`, that the rows are to be placed on.
        """
        ...

    def answers(
        self, run_ids: Sequence[str], question: Hashable, make: Callable[[str], Answer]
    ) -> dict[str, Answer]:
        """By run, what `make` says of it: what it said last to the same question, unless the run has changed since.

        `make` reads this store and nothing else. What it says is kept and shared: it should be small, and nobody may
        change it.
        """
        ...

    def columns(self, run_id: str) -> dict[str, Literal["number", "flag", "text"]]:
        """Every metric the run has, in alphabetical order, and the kind of its values."""
        ...

    def rows(self, run_id: str) -> Iterator[StepRecord]:
        """Every step in order, read in pieces: no transaction stays open between two of them."""
        ...

    def trace(self, run_id: str, step: int) -> CGTrace:
        """The inner solve of a step; `RecordNotFound` where none was recorded."""
        ...

    def neighbours(self, run_id: str, step: int) -> Neighbours:
        """The nearest steps before and after `step` that have an inner solve, and those that have a spectrum."""
        ...

    def spectrum(self, run_id: str, step: int) -> Spectrum:
        """The spectrum before a step; `RecordNotFound` where none was recorded."""
        ...

    def spectrum_steps(self, run_id: str) -> list[int]:
        """The steps that have a spectrum, ascending."""
        ...

    def landscape(self, run_id: str) -> Landscape | None: ...

    def logs(
        self,
        run_id: str,
        query: LogQuery = EVERY_LINE,
        *,
        after: int = -1,
        before: int | None = None,
        limit: int = 1000,
    ) -> list[LogEntry]:
        """Lines that fit the query and whose position is above `after`, by position: the first `limit` of them.

        With `before`: the last `limit` of those whose position is below it.
        """
        ...

    def count_logs(self, run_id: str, query: LogQuery = EVERY_LINE) -> int:
        """How many lines fit the query."""
        ...
