"""One server a database: a second one would not hear of the first one's commits."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import func, select
from sqlalchemy.exc import DatabaseError

from hessianfree_lab.errors import ConfigurationError
from hessianfree_lab.store.engine import make_engine

SERVING = 0x4846_0002
"""The advisory lock that a server holds on a PostgreSQL for as long as it is connected."""


@contextmanager
def owned(url: str) -> Iterator[None]:
    """Hold the database at an SQLAlchemy URL; `ConfigurationError` when another server does.

    A SQLite file is held by the lock of the data directory that it lies in.
    """
    engine = make_engine(url)
    if engine.dialect.name != "postgresql":
        yield
        return
    shown = engine.url.render_as_string(hide_password=True)
    try:
        # A session of its own, held open: the lock goes with it, however this process ends.
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        is_ours = connection.scalar(select(func.pg_try_advisory_lock(SERVING)))
    except DatabaseError as error:
        raise ConfigurationError(f"The database {shown} cannot be opened: {error.orig}.") from error
    try:
        if not is_ours:
            message = (
                f"Another server already works on the database {shown}. Stop it, or name another database."
            )
            raise ConfigurationError(message)
        yield
    finally:
        connection.invalidate()  # closes the session, where returning it to the pool would keep it
        engine.dispose()
