"""Summaries as they were read last, until their run changes: pages ask for all runs, of which few have changed."""

import threading
from collections.abc import Iterable, Mapping

from hessianfree_lab.records import RunSummary

_MOST = 4096
"""Runs that are kept, and changes that are remembered; then all are forgotten, and read again."""


class KeptSummaries:
    """For the one process that writes to the database; safe to share between threads.

    Whoever reads notes the `version` before its transaction begins: what it has read is kept only if the run did not
    change from then on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, RunSummary] = {}
        self._version = 0
        self._changed: dict[str, int] = {}  # run -> the version its change made
        self._floor = 0  # of changes up to this one it is not known which runs they were of

    def version(self) -> int:
        with self._lock:
            return self._version

    def find(self, run_ids: Iterable[str]) -> dict[str, RunSummary]:
        with self._lock:
            return {run_id: self._kept[run_id] for run_id in run_ids if run_id in self._kept}

    def keep(self, read: Mapping[str, RunSummary], *, version: int) -> None:
        with self._lock:
            if version < self._floor:
                return
            if len(self._kept) > _MOST:
                self._kept.clear()
            self._kept |= {
                run_id: summary for run_id, summary in read.items() if self._changed.get(run_id, 0) <= version
            }

    def forget(self, run_ids: Iterable[str]) -> None:
        """These runs have changed; to be called once that is committed."""
        with self._lock:
            self._version += 1
            if len(self._changed) > _MOST:
                self._changed.clear()
                self._floor = self._version
            for run_id in run_ids:
                self._changed[run_id] = self._version
                self._kept.pop(run_id, None)
