"""What `SqlStore` answers of what runs recorded."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Literal

from hessianfree_lab.records import CGTrace, Landscape, Spectrum, StepRecord
from hessianfree_lab.records.answers import Neighbours
from hessianfree_lab.records.series import Recording, Series, Window
from hessianfree_lab.store import log_lines, measurements, readings, runs, series
from hessianfree_lab.store.interface import EVERY_LINE, LogEntry, LogQuery
from hessianfree_lab.store.transaction import Transaction

_PIECE = 2_000
"""Steps read at a time where all of them are wanted."""


class SqlReadings:
    """The part of `Store` that reads the records of runs, in transactions of `_read`."""

    _read: Callable[[], AbstractContextManager[Transaction]]

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
        with self._read() as tx:
            return series.read(tx, run_id, names, x=x, start=start, stop=stop, max_points=max_points)

    def recordings(self, run_ids: Sequence[str], names: Sequence[str], window: Window) -> list[Recording]:
        with self._read() as tx:
            return series.recordings(tx, run_ids, names, window)

    def measurements(
        self, run_id: str, names: Sequence[str], *, along: Sequence[str] = (), last: int | None = None
    ) -> measurements.Columns:
        with self._read() as tx:
            return measurements.read(tx, run_id, names, along=along, last=last)

    def columns(self, run_id: str) -> dict[str, Literal["number", "flag", "text"]]:
        with self._read() as tx:
            runs.find(tx, run_id)
            return series.columns(tx, [run_id])[run_id]

    def rows(self, run_id: str) -> Iterator[StepRecord]:
        with self._read() as tx:
            runs.find(tx, run_id)
        return self._rows(run_id)

    def _rows(self, run_id: str) -> Iterator[StepRecord]:
        after = 0
        while True:
            with self._read() as tx:
                piece = readings.rows(tx, run_id, after=after, limit=_PIECE)
            yield from piece
            if len(piece) < _PIECE:
                return
            after = piece[-1].step

    def trace(self, run_id: str, step: int) -> CGTrace:
        with self._read() as tx:
            return readings.trace(tx, run_id, step)

    def spectrum(self, run_id: str, step: int) -> Spectrum:
        with self._read() as tx:
            return readings.spectrum(tx, run_id, step)

    def spectrum_steps(self, run_id: str) -> list[int]:
        with self._read() as tx:
            return readings.spectrum_steps(tx, run_id)

    def neighbours(self, run_id: str, step: int) -> Neighbours:
        with self._read() as tx:
            return readings.neighbours(tx, run_id, step)

    def landscape(self, run_id: str) -> Landscape | None:
        with self._read() as tx:
            return readings.landscape(tx, run_id)

    def logs(
        self,
        run_id: str,
        query: LogQuery = EVERY_LINE,
        *,
        after: int = -1,
        before: int | None = None,
        limit: int = 1000,
    ) -> list[LogEntry]:
        with self._read() as tx:
            return log_lines.read(tx, run_id, query, after=after, before=before, limit=limit)

    def count_logs(self, run_id: str, query: LogQuery = EVERY_LINE) -> int:
        with self._read() as tx:
            return log_lines.count(tx, run_id, query)
