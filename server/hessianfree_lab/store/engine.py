"""The database connection: what each dialect needs to be told."""

from sqlite3 import Connection as SqliteConnection
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import StaticPool

from hessianfree_lab.errors import ConfigurationError
from hessianfree_lab.store.columns import dump_json, load_json

WRITES = "writes"
"""Execution option of a connection that is going to write."""


def make_engine(url: str) -> Engine:
    """An engine whose JSON is the wire's, and whose SQLite is fit for many readers and one writer."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        message = f"{url!r} is not a database address; one looks like 'sqlite:////var/lib/lab.sqlite'."
        raise ConfigurationError(message) from error
    options: dict[str, Any] = {"json_serializer": dump_json, "json_deserializer": load_json}
    if is_in_memory(parsed):
        # One connection is the database; the store lets one thread at it at a time.
        options |= {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    else:
        options |= {"pool_size": 8, "max_overflow": 64}
    if parsed.get_backend_name() != "sqlite":
        # Several statements of one method see one state, as they do on SQLite; a server that was restarted is
        # found out before it costs a request.
        options |= {"isolation_level": "REPEATABLE READ", "pool_pre_ping": True}
    try:
        engine = create_engine(parsed, **options)
    except (ArgumentError, ModuleNotFoundError) as error:
        message = f"Nothing here can open {parsed.render_as_string(hide_password=True)!r}: {error}."
        raise ConfigurationError(message) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def is_in_memory(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def _prepare_sqlite(connection: SqliteConnection, _record: object) -> None:
    connection.isolation_level = None  # the driver begins no transaction of its own: _begin_sqlite does
    for pragma in (
        "journal_mode = WAL",  # readers do not wait for the writer, nor it for them
        "synchronous = FULL",  # what was acknowledged outlives a power cut
        "busy_timeout = 10000",
        "foreign_keys = ON",
        "journal_size_limit = 67108864",  # what a log that once was long gives back
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that starts by reading and writes later can fail for good; one that says so first only waits.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
