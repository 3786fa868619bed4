"""The store: the one meeting point of runs, queue and workers. interface is its contract."""

import os
from collections.abc import Callable
from datetime import datetime

from hessianfree_lab.store.engine import make_engine
from hessianfree_lab.store.interface import Counts, Event, LogEntry, LogQuery, RunQuery, RunSelection, Store
from hessianfree_lab.store.migrate import upgrade
from hessianfree_lab.store.sql_store import SqlStore, utc_now
from hessianfree_lab.store.tracing import is_asked_for, trace_statements

__all__ = [
    "Counts",
    "Event",
    "LogEntry",
    "LogQuery",
    "RunQuery",
    "RunSelection",
    "SqlStore",
    "Store",
    "open_store",
]


def open_store(
    url: str = "sqlite://", *, lease_seconds: float = 20.0, clock: Callable[[], datetime] = utc_now
) -> Store:
    """The store at an SQLAlchemy URL, its tables made or brought up to date; `sqlite://` lives in memory.

    `ConfigurationError` when the database cannot be opened, `NewerDatabase` when a newer version wrote it.
    """
    engine = make_engine(url)
    if is_asked_for(os.environ):
        trace_statements(engine)
    try:
        upgrade(engine)
    except BaseException:
        engine.dispose()
        raise
    return SqlStore(engine, lease_seconds=lease_seconds, clock=clock)
