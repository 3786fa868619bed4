"""What a database says when it cannot: in sentences, and apart from what is wrong with a request."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hessianfree_lab.errors import DatabaseFull, DatabaseUnavailable

_PRIMARY = 0xFF  # SQLite's error codes carry details above these bits
_OUR_OWN = sqlite3.SQLITE_ERROR  # a statement that is wrong: a fault of this program


@contextmanager
def explained() -> Iterator[None]:
    """`DatabaseUnavailable` in place of the driver's errors, where it is the database that cannot."""
    try:
        yield
    except SQLAlchemyError as error:
        reason = _explain(error)
        if reason is None:
            raise
        raise reason from error


def _explain(error: SQLAlchemyError) -> DatabaseUnavailable | None:
    if isinstance(error, PoolTimeout):
        return DatabaseUnavailable("The database does not answer: all connections to it are taken.")
    if not isinstance(error, DBAPIError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(error.orig)
    return _of_server(error)


def _of_sqlite(error: sqlite3.Error) -> DatabaseUnavailable | None:
    match getattr(error, "sqlite_errorcode", _OUR_OWN) & _PRIMARY:
        case sqlite3.SQLITE_FULL:
            return _full()
        case sqlite3.SQLITE_READONLY:
            return _read_only()
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return _held()
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return _silent(error)
        case _:
            return None


def _of_server(error: DBAPIError) -> DatabaseUnavailable | None:
    match getattr(error.orig, "sqlstate", None):
        case "53100":
            return _full()
        case "25006":
            return _read_only()
        case "55P03" | "40P01" | "40001":
            return _held()
        case _:
            lost = isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated
            return _silent(error.orig) if lost else None


def _held() -> DatabaseUnavailable:
    return DatabaseUnavailable(
        "Another program has held the database for too long: nothing was stored. Try again."
    )


def _full() -> DatabaseFull:
    return DatabaseFull(
        "The database's disk is full: nothing was stored. Make room on it; the server goes on by itself."
    )


def _read_only() -> DatabaseUnavailable:
    return DatabaseUnavailable(
        "The database is read-only: nothing was stored. Make it writable; the server goes on by itself."
    )


def _silent(error: BaseException | None) -> DatabaseUnavailable:
    said = str(error).strip().splitlines()
    return DatabaseUnavailable(f"The database does not answer: {said[0] if said else 'it says nothing'}.")
