"""The database while it is open: transactions, whose turn it is to write, and who hears of commits."""

import secrets
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, func, select, text

from hessianfree_lab.errors import DatabaseUnavailable
from hessianfree_lab.store.engine import WRITES, is_in_memory, is_shared
from hessianfree_lab.store.faults import explained
from hessianfree_lab.store.interface import Listener
from hessianfree_lab.store.kept_readings import Keeping, KeptReadings
from hessianfree_lab.store.peers import notification
from hessianfree_lab.store.transaction import Transaction
from hessianfree_lab.store.turns import Turns
from hessianfree_lab.store.wal import WalKeeper

_FRESH_SECONDS = 1.0
"""A write that went through this short a time ago is proof enough that one can."""
_FAILED_SECONDS = 5.0
"""A write that failed is believed for so long: a small one may still find room where a batch does not."""

# Changes nothing, and is written nevertheless.
_PROBE = text("UPDATE alembic_version SET version_num = version_num")

_WRITING, _TELLING = 0x4846_0003, 0x4846_0004
_ALONE = select(func.pg_advisory_xact_lock(_WRITING))
_BESIDE = select(func.pg_advisory_xact_lock_shared(_WRITING))
"""The turns of several servers; PostgreSQL gives them in the order of asking, so that who wants to be alone will be."""
_IN_ORDER = func.pg_advisory_xact_lock(_TELLING)
"""Held from before events get their ids until they can be read: see news.py."""


class Database:
    """Transactions on an engine whose tables are up to date.

    One thread of a process writes at a time: SQLite has room for one writer anyway. Where several servers share a
    database, a transaction of `write` is alone on all of them, and those of `write_beside` are beside each other.
    `DatabaseUnavailable` where the database cannot.
    """

    def __init__(
        self, engine: Engine, *, lease: timedelta, kept_events: int, clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self.is_shared = is_shared(engine)
        options: dict[str, Any] = {WRITES: True}
        if self.is_shared:
            # Who has waited for its turn, or for a row, must then see what the one before has written.
            options["isolation_level"] = "READ COMMITTED"
        self._writer = engine.execution_options(**options)
        self._lease = lease
        self._kept_events = kept_events
        self._clock = clock
        self._listeners: list[Listener] = []
        self._turns = Turns()
        # In memory all threads share one connection, so that reads have to take turns too.
        self._reads = self._turns if is_in_memory(engine.url) else nullcontext()
        self._wal = WalKeeper(engine)
        self._kept = KeptReadings(most_events=kept_events)
        self._written_at = -_FRESH_SECONDS
        self._failure: tuple[float, DatabaseUnavailable] | None = None
        self.origin = secrets.token_hex(8)
        """Whose notifications are this store's own: it has told its listeners already."""

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that nobody else's writes come between, whatever it reads before it writes."""
        with self._write(is_alone=True) as tx:
            yield tx

    @contextmanager
    def write_beside(self) -> Iterator[Transaction]:
        """A transaction that other servers' of this kind may come between: what it reads in order to change it, it has
        to hold (`Transaction.hold_runs`)."""
        with self._write(is_alone=False) as tx:
            yield tx

    @contextmanager
    def _write(self, *, is_alone: bool) -> Iterator[Transaction]:
        with self._turns:
            try:
                with explained(), self._writer.begin() as connection:
                    if self.is_shared:
                        connection.execute(_ALONE if is_alone else _BESIDE)
                    tx = self._transaction(connection)
                    yield tx
                    self._tell(tx)
            except DatabaseUnavailable as error:
                self._failure = time.monotonic(), error
                raise
            if tx.changed:
                self._kept.forget(tx.changed)
            self._written_at, self._failure = time.monotonic(), None
            self._wal.keep_short()
            if tx.topics:
                for listener in self._listeners:
                    listener(frozenset(tx.topics))

    def _tell(self, tx: Transaction) -> None:
        """Write the news of a transaction that is about to be committed, and have the other servers told with it."""
        if self.is_shared:
            tx.news.add_quiet(tx.changed)
            told = [notification(self.origin, tx.topics)] if tx.topics else []
            if tx.news or told:
                tx.connection.execute(select(_IN_ORDER, *told))
        if tx.news:
            tx.news.write(tx.connection, kept_events=self._kept_events)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        versions = self._kept.versions()
        with self._reads, explained(), self._engine.connect() as connection:
            kept = Keeping(self._kept, versions, connection if self.is_shared else None)
            yield self._transaction(connection, kept=kept)

    def _transaction(self, connection: Connection, *, kept: Keeping | None = None) -> Transaction:
        return Transaction(
            connection=connection,
            now=self._clock(),
            lease=self._lease,
            is_shared=self.is_shared,
            kept=kept,
        )

    def answers(
        self, run_ids: Sequence[str], question: Hashable, make: Callable[[str], Any]
    ) -> dict[str, Any]:
        """What is kept as the answer of each of these runs, or what `make`, which reads for itself, says of it."""
        if self.is_shared:
            with self.read() as tx:
                self._kept.catch_up(tx.connection)
        return self._kept.answers.of_each(run_ids, question, make)

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def ping(self) -> None:
        """Raise `DatabaseUnavailable` unless something can be written."""
        now, failure = time.monotonic(), self._failure
        if failure is not None and now - failure[0] < _FAILED_SECONDS:
            raise DatabaseUnavailable(str(failure[1]))
        if now - self._written_at >= _FRESH_SECONDS:
            with self.write_beside() as tx:
                tx.connection.execute(_PROBE)

    def close(self) -> None:
        self._engine.dispose()
