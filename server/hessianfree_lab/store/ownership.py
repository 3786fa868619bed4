"""Who has a database: of a SQLite file one server at a time, of a PostgreSQL any number, or one who needs it alone."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DatabaseError

from hessianfree_lab.errors import ConfigurationError
from hessianfree_lab.store.engine import is_in_memory, is_shared, make_engine
from hessianfree_lab.store.peers import SERVING


@contextmanager
def served(url: str) -> Iterator[None]:
    """Hold the database at an SQLAlchemy URL for a server; `ConfigurationError` when it cannot be had.

    A PostgreSQL is held by the line to the other servers; here is found out beforehand that nobody has it alone.
    """
    engine = make_engine(url)
    shown = _shown(engine)
    if not is_shared(engine):
        message = f"Another server already works on the database {shown}. Stop it, or name another database."
        with _held_file(engine, message):
            yield
        return
    message = f"The database {shown} is being copied. Start the server when that is done."
    with _locked(engine, message, exclusively=False):
        pass
    yield


@contextmanager
def alone(url: str) -> Iterator[None]:
    """Keep servers from the database at an SQLAlchemy URL; `ConfigurationError` when one works on it."""
    engine = make_engine(url)
    message = f"A server works on the database {_shown(engine)}: stop it first."
    with _locked(engine, message, exclusively=True) if is_shared(engine) else _held_file(engine, message):
        yield


@contextmanager
def _held_file(engine: Engine, message: str) -> Iterator[None]:
    """Hold a lock beside a SQLite file; it goes with this process, however that ends."""
    if engine.dialect.name != "sqlite" or is_in_memory(engine.url):
        yield
        return
    path = Path(f"{engine.url.database}.lock")
    try:
        lock = path.open("a")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"The database {_shown(engine)} cannot be opened: {reason}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigurationError(message) from error
        yield


@contextmanager
def _locked(engine: Engine, message: str, *, exclusively: bool) -> Iterator[None]:
    """Hold a PostgreSQL by the lock that servers share, in a session of its own: the lock goes with that."""
    take = func.pg_try_advisory_lock if exclusively else func.pg_try_advisory_lock_shared
    try:
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        is_ours = connection.scalar(select(take(SERVING)))
    except DatabaseError as error:
        raise ConfigurationError(f"The database {_shown(engine)} cannot be opened: {error.orig}.") from error
    try:
        if not is_ours:
            raise ConfigurationError(message)
        yield
    finally:
        connection.invalidate()  # closes the session, where returning it to the pool would keep it
        engine.dispose()


def _shown(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)
