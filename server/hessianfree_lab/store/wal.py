"""SQLite's write-ahead log, kept short."""

import logging
import sqlite3
import time
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from hessianfree_lab.store.engine import is_in_memory

logger = logging.getLogger(__name__)

MOST_BYTES = 64 * 1024 * 1024
_PATIENCE_MILLISECONDS = 500
_PAUSE_SECONDS = 5.0


class WalKeeper:
    """Begins the log anew when it has grown long.

    SQLite does so by itself only at a moment when nobody reads. Where one reader always comes before the last has
    gone there is no such moment, and the log would grow for ever. Asking for it makes new readers read past the log,
    so that it waits for those alone that are there already.
    """

    def __init__(self, engine: Engine, *, most_bytes: int = MOST_BYTES) -> None:
        is_a_file = engine.dialect.name == "sqlite" and not is_in_memory(engine.url)
        self._engine = engine
        self._path = Path(f"{engine.url.database}-wal") if is_a_file else None
        self._most_bytes = most_bytes
        self._not_before = 0.0

    def keep_short(self) -> None:
        """After a commit, while nobody writes. A reader that stays for long is not waited for."""
        if self._path is None or time.monotonic() < self._not_before:
            return
        try:
            if self._path.stat().st_size <= self._most_bytes:
                return
            is_busy = self._cut()
        except (OSError, DBAPIError, sqlite3.Error) as error:  # the commit stands; the log is for later
            logger.warning("The write-ahead log %s could not be cut: %s", self._path, error)
            is_busy = True
        if is_busy:
            self._not_before = time.monotonic() + _PAUSE_SECONDS

    def _cut(self) -> bool:
        """Whether somebody who reads was in the way."""
        connection = self._engine.raw_connection()  # outside of any transaction
        try:
            cursor = connection.cursor()
            (patience,) = cursor.execute("PRAGMA busy_timeout").fetchone()
            cursor.execute(f"PRAGMA busy_timeout = {_PATIENCE_MILLISECONDS}")
            try:
                (is_busy, _, _) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {patience}")
            return bool(is_busy)
        finally:
            connection.close()
