"""Looks after the files of runs: removes those that nobody needs any more, and adds up the rest."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from hessianfree_lab.errors import LabError
from hessianfree_lab.lifecycle import ENDED, State
from hessianfree_lab.storage.areas import Area
from hessianfree_lab.store.interface import Store

logger = logging.getLogger(__name__)

_PERIOD_SECONDS = 3600.0
_BATCH = 500  # runs that the store is asked about at once


@dataclass(frozen=True, kw_only=True)
class Total:
    """What lies in a place, as of the last look."""

    runs: int
    bytes: int


def utc_now() -> datetime:
    return datetime.now(UTC)


class Keeper:
    """Looks into places with files of runs every hour, in a thread of its own: such a place may be slow, or away.

    Files of a run that the store does not know go once they have been left alone for `keep`: not at once, for the store
    may have been restored to what it was some days ago. Of a run that has ended its files in `passing` places go by the
    same time. Several servers may do this to the same places.
    """

    def __init__(
        self,
        store: Store,
        places: Mapping[str, Area],
        *,
        passing: frozenset[str],
        keep: timedelta,
        discard_drafts: Callable[[], None],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._places = places
        self._passing = passing
        self._keep = keep
        self._discard_drafts = discard_drafts
        self._clock = clock
        self._totals: dict[str, Total] = {}
        self._is_stopping = False
        self._asked: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    @property
    def totals(self) -> Mapping[str, Total]:
        """By place; a place that could not be looked at yet is left out."""
        return dict(self._totals)

    def start(self) -> None:
        """Look at once, and then every hour; also once more after a `stop`."""
        self._is_stopping = False
        self._asked = queue.SimpleQueue()
        threading.Thread(target=self._run, args=[self._asked], name="keeper", daemon=True).start()

    def stop(self) -> None:
        """Let it end; what it is doing now is not waited for, and goes on at the next start."""
        self._is_stopping = True
        self._asked.put(None)

    def forget(self, run_id: str) -> None:
        """The run was removed: so will be its files, soon."""
        self._asked.put(run_id)

    def _run(self, asked: queue.SimpleQueue[str | None]) -> None:
        look_at = time.monotonic()
        while True:
            try:
                run_id = asked.get(timeout=max(look_at - time.monotonic(), 0.0))
            except queue.Empty:
                look_at = time.monotonic() + _PERIOD_SECONDS
                self._trying("Files of runs could not be looked through", self.look)
                continue
            if run_id is None:
                return
            for place in self._places.values():
                self._trying("Files of a removed run are left", partial(place.remove, run_id))

    def _trying(self, failure: str, work: Callable[[], None]) -> None:
        """Nothing ends this thread; what was not done is found at another look."""
        try:
            work()
        except (OSError, LabError) as error:
            logger.warning("%s: %s", failure, error)
        except Exception:
            if self._is_stopping:  # the store has been closed meanwhile
                return
            logger.exception(failure)

    def look(self) -> None:
        """One look into every place. What is wrong with one keeps nobody from the others."""
        self._trying("Drafts could not be removed", self._discard_drafts)
        for name, place in self._places.items():
            self._trying(f"The {name} of runs could not be looked through", partial(self._tidy, name, place))

    def _tidy(self, name: str, place: Area) -> None:
        holdings = {holding.run: holding for holding in place.holdings()}
        old = [run for run, found in holdings.items() if self._clock() - found.changed_at > self._keep]
        for start in range(0, len(old), _BATCH):
            for run in self._over(old[start : start + _BATCH], name):
                if self._over(
                    [run], name
                ):  # asked again at the last moment: it may just have been tried again
                    place.remove(run)
                    logger.info(
                        "Removed the %s of run %s, %d bytes",
                        name,
                        run,
                        holdings.pop(run).bytes,
                        extra={"run": run},
                    )
        in_all = sum(holding.bytes for holding in holdings.values())
        self._totals[name] = Total(runs=len(holdings), bytes=in_all)

    def _over(self, runs: Sequence[str], name: str) -> list[str]:
        """Of these runs, left alone for long, those whose files in that place nobody needs."""
        states = self._store.states(runs)
        is_passing = name in self._passing
        return [run for run in runs if run not in states or (is_passing and State(states[run]) in ENDED)]
