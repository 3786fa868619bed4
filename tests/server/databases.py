"""Databases that many tests share, empty for each of them: most of the time of a new one goes into compiling SQL."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, delete

from hessianfree_lab.store.engine import WRITES, make_engine
from hessianfree_lab.store.migrate import upgrade
from hessianfree_lab.store.tables import metadata


@contextmanager
def database(url: str) -> Iterator[Engine]:
    """An engine whose tables are up to date."""
    engine = make_engine(url)
    upgrade(engine)
    yield engine
    engine.dispose()


def empty(engine: Engine) -> Engine:
    """Remove every row of every table. In memory: while no other thread is at it."""
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
    return engine
