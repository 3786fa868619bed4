"""The database while it is open: transactions, whose turn it is to write, and who hears of commits."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from hessianfree_lab.errors import DatabaseUnavailable
from hessianfree_lab.store.engine import WRITES, is_in_memory
from hessianfree_lab.store.faults import explained
from hessianfree_lab.store.interface import Listener
from hessianfree_lab.store.kept_summaries import KeptSummaries
from hessianfree_lab.store.transaction import Transaction
from hessianfree_lab.store.turns import Turns
from hessianfree_lab.store.wal import WalKeeper

_FRESH_SECONDS = 1.0
"""A write that went through this short a time ago is proof enough that one can."""
_FAILED_SECONDS = 5.0
"""A write that failed is believed for so long: a small one may still find room where a batch does not."""

# Changes nothing, and is written nevertheless.
_PROBE = text("UPDATE alembic_version SET version_num = version_num")


class Database:
    """Transactions on an engine whose tables are up to date.

    One thread writes at a time: SQLite has room for one writer anyway, and on any database events then get their ids
    in the order of the commits, which their readers rely on. `DatabaseUnavailable` where the database cannot.
    """

    def __init__(
        self, engine: Engine, *, lease: timedelta, kept_events: int, clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{WRITES: True})
        self._lease = lease
        self._kept_events = kept_events
        self._clock = clock
        self._listeners: list[Listener] = []
        self._turns = Turns()
        # In memory all threads share one connection, so that reads have to take turns too.
        self._reads = self._turns if is_in_memory(engine.url) else nullcontext()
        self._wal = WalKeeper(engine)
        self._summaries = KeptSummaries()
        self._written_at = -_FRESH_SECONDS
        self._failure: tuple[float, DatabaseUnavailable] | None = None

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        with self._turns:
            try:
                with explained(), self._writer.begin() as connection:
                    tx = self._transaction(connection)
                    yield tx
            except DatabaseUnavailable as error:
                self._failure = time.monotonic(), error
                raise
            if tx.changed:
                self._summaries.forget(tx.changed)
            self._written_at, self._failure = time.monotonic(), None
            self._wal.keep_short()
            if tx.topics:
                for listener in self._listeners:
                    listener(frozenset(tx.topics))

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        version = self._summaries.version()  # before the transaction, which may be older than it says
        with self._reads, explained(), self._engine.connect() as connection:
            yield self._transaction(connection, (self._summaries, version))

    def _transaction(
        self, connection: Connection, summaries: tuple[KeptSummaries, int] | None = None
    ) -> Transaction:
        return Transaction(
            connection=connection,
            now=self._clock(),
            lease=self._lease,
            kept_events=self._kept_events,
            summaries=summaries,
        )

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def ping(self) -> None:
        """Raise `DatabaseUnavailable` unless something can be written."""
        now, failure = time.monotonic(), self._failure
        if failure is not None and now - failure[0] < _FAILED_SECONDS:
            raise DatabaseUnavailable(str(failure[1]))
        if now - self._written_at >= _FRESH_SECONDS:
            with self.write() as tx:
                tx.connection.execute(_PROBE)

    def close(self) -> None:
        self._engine.dispose()
