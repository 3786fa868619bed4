"""A database copied into another one, whatever kind each of them is: all of it, or nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, insert, select

from hessianfree_lab.errors import ConfigurationError
from hessianfree_lab.store.backup import path_of
from hessianfree_lab.store.engine import WRITES, be_patient, make_engine
from hessianfree_lab.store.faults import explained
from hessianfree_lab.store.migrate import is_current, upgrade
from hessianfree_lab.store.ownership import alone
from hessianfree_lab.store.tables import metadata

_AT_ONCE = 1_000
"""Rows read and written at a time."""

Progress = Callable[[str, int, int], None]
"""Called with a table's name, how many of its rows are copied, and how many it has."""


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What was copied."""

    tables: int
    rows: int


def copy(source: str, target: str, progress: Progress) -> Copied:
    """Copy every row of the database at one SQLAlchemy URL to another one, whose tables are made if need be.

    In one transaction: whatever ends it early, the target stays as empty as it was, and can be copied to again.
    `ConfigurationError` when a server works on one of them, when the source is no database of this version, or when
    the target has rows already.
    """
    with alone(source), alone(target):
        from_engine, to_engine = make_engine(source), make_engine(target)
        try:
            _check(from_engine)
            upgrade(to_engine)
            writer = to_engine.execution_options(**{WRITES: True})
            with explained(), from_engine.connect() as reading, writer.begin() as writing:
                for connection in (reading, writing):
                    be_patient(connection)
                return _copy_all(reading, writing, progress)
        finally:
            from_engine.dispose()
            to_engine.dispose()


def _check(engine: Engine) -> None:
    shown = engine.url.render_as_string(hide_password=True)
    if engine.dialect.name == "sqlite" and not path_of(str(engine.url)).is_file():
        raise ConfigurationError(f"There is no database at {shown}.")
    if not is_current(engine):
        message = f"The database {shown} is of an older version: run `hessianfree db upgrade` on it first."
        raise ConfigurationError(message)


def _copy_all(reading: Connection, writing: Connection, progress: Progress) -> Copied:
    tables = metadata.sorted_tables  # what others refer to comes first
    if filled := [table.name for table in tables if _count(writing, table)]:
        shown = writing.engine.url.render_as_string(hide_password=True)
        message = f"The database {shown} is not empty: there are rows in {', '.join(filled)}. Name a new one."
        raise ConfigurationError(message)
    rows = sum(_copy_table(reading, writing, table, progress) for table in tables)
    return Copied(tables=len(tables), rows=rows)


def _copy_table(reading: Connection, writing: Connection, table: Table, progress: Progress) -> int:
    total, done = _count(reading, table), 0
    found = reading.execution_options(yield_per=_AT_ONCE).execute(select(table))
    for rows in found.mappings().partitions():
        _insert(writing, table, rows)
        done += len(rows)
        progress(table.name, done, total)
    stored = _count(writing, table)
    if stored != total:
        raise ConfigurationError(f"Of {total} rows of {table.name} {stored} have arrived: nothing is copied.")
    _count_on(writing, table)
    return total


def _insert(writing: Connection, table: Table, rows: Sequence[Any]) -> None:
    writing.execute(insert(table), [dict(row) for row in rows])


def _count_on(writing: Connection, table: Table) -> None:
    """Have the numbers that the database gives out go on after those that came with the rows; SQLite does so itself."""
    column = table.autoincrement_column
    if writing.dialect.name != "postgresql" or column is None:
        return
    last = select(func.max(column)).scalar_subquery()
    sequence = func.pg_get_serial_sequence(table.name, column.name)
    writing.execute(select(func.setval(sequence, func.coalesce(last, 1), last.is_not(None))))


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0
