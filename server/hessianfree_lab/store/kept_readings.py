"""All that a server keeps of its readings, and how it hears that others have written since."""

import threading
from collections.abc import Collection
from sys import getsizeof
from typing import Any

from sqlalchemy import Connection, func, select

from hessianfree_lab.records import RunSummary
from hessianfree_lab.records.series import Series
from hessianfree_lab.records.sweeps import Standing
from hessianfree_lab.store.kept import Kept, size_of
from hessianfree_lab.store.tables import events

_METRICS = 65_536
_VALUES = 1_000_000
"""What is kept of runs until they change: summaries of so many metrics, and of series so many values (50 MB each)."""
_ANSWERS = 32 * 2**20
"""Bytes of what others have made of runs."""
_QUESTION = 512
"""Bytes that go into an answer's question and place: the smallest of answers take that much."""
_STANDINGS = 1024
"""So many sweeps are counted once until a run of them comes to another state."""
_MOST_NEWS = 10_000
"""Events of others that are gone through one by one; after more of them nothing is believed any more."""


class KeptReadings:
    """Summaries, series, sweeps' standings, and what others have made of runs. `most_events`: how many are kept."""

    def __init__(self, *, most_events: int) -> None:
        self.summaries = Kept[RunSummary](_METRICS, _metrics_of)
        self.series = Kept[Series](_VALUES, _values_of)
        self.answers = Kept[Any](_ANSWERS, _bytes_of)
        self.standings = Kept[Standing](_STANDINGS)
        self._all: tuple[Kept[Any], ...] = (self.summaries, self.series, self.standings, self.answers)
        self._most_news = min(most_events, _MOST_NEWS)
        self._lock = threading.Lock()
        self._seen: int | None = None  # the last event that was taken into account

    def versions(self) -> tuple[int, ...]:
        """To be noted before a reading's transaction begins, which may be older than they say."""
        return tuple(kept.version() for kept in self._all)

    def forget(self, run_ids: Collection[str]) -> None:
        """These runs and sweeps have changed; to be called once that is committed."""
        for kept in self._all:
            kept.forget(run_ids)

    def catch_up(self, connection: Connection) -> None:
        """Forget what has changed by the moment that this transaction reads, whichever server changed it.

        Events tell: every change leaves one, and they become visible in the order of their ids.
        """
        with self._lock:
            if self._seen is not None:
                query = select(events.c.id, events.c.run_id).where(events.c.id > self._seen)
                news = connection.execute(query.order_by(events.c.id).limit(self._most_news)).all()
                if not news:
                    return
                if len(news) < self._most_news and news[-1].id - self._seen < self._most_news:
                    self.forget({row.run_id for row in news if row.run_id is not None})
                    self._seen = news[-1].id
                    return
            self._seen = connection.scalar(select(func.max(events.c.id))) or 0
            for kept in self._all:
                kept.forget_all()


class Keeping:
    """What is kept, as one reading may use it. `connection`: on which it reads, where other servers write too."""

    def __init__(
        self, readings: KeptReadings, versions: tuple[int, ...], connection: Connection | None
    ) -> None:
        self._readings = readings
        self._versions = versions
        self._connection = connection

    @property
    def summaries(self) -> tuple[Kept[RunSummary], int]:
        """And their version when the reading began; likewise the others."""
        self._catch_up()
        return self._readings.summaries, self._versions[0]

    @property
    def series(self) -> tuple[Kept[Series], int]:
        self._catch_up()
        return self._readings.series, self._versions[1]

    @property
    def standings(self) -> tuple[Kept[Standing], int]:
        self._catch_up()
        return self._readings.standings, self._versions[2]

    def _catch_up(self) -> None:
        """At the first use: most readings need nothing of it."""
        if self._connection is not None:
            self._readings.catch_up(self._connection)
            self._connection = None


def _metrics_of(summary: RunSummary) -> int:
    return 1 + len(summary)  # that a run has none is worth knowing, too


def _values_of(series: Series) -> int:
    listed = len(series.steps) * (2 + len(series.values)) + sum(map(len, series.kept.values()))
    return listed + _QUESTION // getsizeof(0.0)


def _bytes_of(answer: object) -> int:
    return _QUESTION + size_of(answer)
