"""Ends the attempts of workers that have gone silent."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hessianfree_lab.errors import DatabaseUnavailable
from hessianfree_lab.records import HeldRun
from hessianfree_lab.store.interface import Store

logger = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Reaper:
    """Looks every `period_seconds` for leases that ran out.

    Silence counts only while the server was there to hear: after a start, or when it finds that it slept itself
    (a suspended laptop, a stopped container), a whole lease passes before anybody is given up. `on_lost` hears of each
    attempt that was lost.
    """

    def __init__(
        self,
        store: Store,
        *,
        lease_seconds: float,
        period_seconds: float = 2.0,
        on_lost: Callable[[HeldRun], None] = lambda _: None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._lease = timedelta(seconds=lease_seconds)
        self._period_seconds = min(period_seconds, lease_seconds / 4)
        self._on_lost = on_lost
        self._clock = clock
        self._listening_since = self._looked_at = clock()

    async def run(self) -> None:
        """Until cancelled. A database that does not answer is tried again."""
        while True:
            await asyncio.sleep(self._period_seconds)
            try:
                await asyncio.to_thread(self.look)
            except DatabaseUnavailable as error:
                logger.warning("Leases could not be checked: %s", error)

    def look(self) -> list[HeldRun]:
        """End as lost what has been silent for a lease."""
        now = self._clock()
        if now - self._looked_at > self._lease / 2:
            self._listening_since = now
        self._looked_at = now
        heard_before = now - self._lease
        if heard_before < self._listening_since:
            return []
        lost = self._store.reap(heard_before)
        for held in lost:
            logger.warning(
                "Lost attempt %d of run %s: its worker has gone silent",
                held.attempt,
                held.run,
                extra={"run": held.run, "attempt": held.attempt},
            )
            self._on_lost(held)
        return lost
