"""The other servers at a PostgreSQL: hearing of what they commit, and which of all does what only one shall do."""

import asyncio
import logging
import os
import socket
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, func

from hessianfree_lab.store.interface import EVERYTHING, Duties, Listener

logger = logging.getLogger(__name__)

SERVING = 0x4846_0002
"""The advisory lock that every server shares while it works on a database: who needs it alone finds out by that."""
ON_DUTY = 0x4846_0005
"""The advisory lock of the one that does the duties."""
_CHANNEL = "hessianfree"
_MOST_BYTES = 7_500  # of a notification's text; PostgreSQL takes 8,000

_PERIOD_SECONDS = 1.0
"""How often who is not on duty asks whether somebody has to be, and whether the line is still there."""
_ANSWER_SECONDS = 5.0
"""A database that has said nothing for so long is not there."""
_RETRY_SECONDS = 0.5
_SKEW_SECONDS = 2.0
"""So far a server's clock may be from the database's without a word: leases last some ten times as long."""
_ALIVE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
# The same, asked of PostgreSQL: a machine that is gone holds nothing for long.
_OPTIONS = " ".join(f"-c tcp_{name}={value}" for name, value in _ALIVE.items())


def notification(origin: str, topics: Collection[str]) -> ColumnElement[Any]:
    """What, selected, has the others told what `origin` publishes, once its transaction is committed."""
    text = " ".join([origin, *sorted(topics)])
    if len(text.encode()) > _MOST_BYTES:
        text = f"{origin} {EVERYTHING}"
    return func.pg_notify(_CHANNEL, text)


class Alone:
    """There are no other servers."""

    async def attend(self, hear: Listener, duties: Duties) -> None:  # noqa: ARG002 - there is nobody to be heard
        await duties()


class Peers:
    """A line to the database beside those of its transactions, which hears the others and holds this server's locks."""

    def __init__(self, engine: Engine, origin: str) -> None:
        self._url, self._dialect = engine.url, engine.dialect
        self._origin = origin

    async def attend(self, hear: Listener, duties: Duties) -> None:
        import psycopg

        while True:
            try:
                await self._attend_once(hear, duties)
            except (psycopg.Error, OSError, TimeoutError) as error:
                reason = str(error).strip().splitlines() or [type(error).__name__]
                logger.warning("Other servers at the database are not heard for the moment: %s", reason[0])
            except Exception:
                logger.exception("Other servers at the database are not heard for the moment")
            await asyncio.sleep(_RETRY_SECONDS)

    async def _attend_once(self, hear: Listener, duties: Duties) -> None:
        """Until the line is cut."""
        line = await self._connect()
        duty: asyncio.Task[None] | None = None
        try:
            hear(frozenset({EVERYTHING}))  # whatever was committed before there was somebody to hear it
            while True:
                if duty is None and await _ask(line, _TAKE_OVER):
                    logger.info("This server is on duty: it watches leases, drives sweeps and clears up.")
                    duty = asyncio.create_task(duties())
                elif duty is not None:
                    await _ask(line, _IS_THERE)
                    if duty.done():
                        duty.result()
                async for notice in line.notifies(timeout=_PERIOD_SECONDS):
                    origin, *topics = notice.payload.split(" ")
                    if origin != self._origin:
                        hear(frozenset(topics))
        finally:
            if duty is not None:
                duty.cancel()
                with suppress(asyncio.CancelledError):
                    await duty
            await line.close()

    async def _connect(self) -> Any:
        """A line that listens; `OSError` while the database is somebody's alone."""
        import psycopg

        positional, options = self._dialect.create_connect_args(self._url)
        who = f"hessianfree serve, process {os.getpid()} on {socket.gethostname()}"
        known = {"connect_timeout": _ANSWER_SECONDS, "options": _OPTIONS, "application_name": who[:63]}
        options = {**known, **_ALIVE, **options}
        line = await psycopg.AsyncConnection.connect(*positional, autocommit=True, **options)
        try:
            if not await _ask(line, f"SELECT pg_try_advisory_lock_shared({SERVING})"):
                raise OSError("it is being copied")
            await line.execute(f"LISTEN {_CHANNEL}")
            skew = abs(datetime.now(UTC) - await _ask(line, "SELECT clock_timestamp()")).total_seconds()
        except BaseException:
            await line.close()
            raise
        if skew > _SKEW_SECONDS:
            logger.warning(
                "This server's clock and the database's are %.0f s apart, and leases are counted by clocks: set them.",
                skew,
            )
        return line


_TAKE_OVER = f"SELECT pg_try_advisory_lock({ON_DUTY})"
_IS_THERE = "SELECT true"


async def _ask(line: Any, question: str) -> Any:
    """One value; `TimeoutError` where the database says nothing."""
    async with asyncio.timeout(_ANSWER_SECONDS):
        (answer,) = await (await line.execute(question)).fetchone()
    return answer
