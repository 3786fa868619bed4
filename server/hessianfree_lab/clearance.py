"""Deletes what removed runs have recorded, in the background."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from hessianfree_lab.errors import DatabaseUnavailable
from hessianfree_lab.store.interface import Store

logger = logging.getLogger(__name__)

_PERIOD_SECONDS = 60.0
"""Between two looks when nothing is heard; after a start the first one comes at once: a stop may have come between."""


class Clearance:
    """Goes on from what is stored, a piece at a time, so that a stop never waits for more than one.

    `forget` is told of each run, for what it keeps of it.
    """

    def __init__(self, store: Store, *, forget: Callable[[str], None]) -> None:
        self._store = store
        self._forget = forget

    async def run(self, news: Callable[[float], Awaitable[object]]) -> None:
        """Clear at once, and whenever `news`, which waits so many seconds at most, says so; until cancelled.

        Whatever goes wrong is logged, and tried again.
        """
        while True:
            try:
                await self._clear()
            except DatabaseUnavailable as error:
                logger.warning("Removed runs could not be cleared: %s", error)
            except Exception:
                logger.exception("Removed runs could not be cleared")
            await news(_PERIOD_SECONDS)

    async def _clear(self) -> None:
        forgotten = None
        while (run_id := await asyncio.to_thread(self._store.clear_removed)) is not None:
            if run_id != forgotten:
                self._forget(run_id)
                forgotten = run_id
