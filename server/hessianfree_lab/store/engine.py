"""The database connection: what each dialect needs to be told."""

from sqlite3 import Connection as SqliteConnection
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import StaticPool

from hessianfree_lab.errors import ConfigurationError
from hessianfree_lab.store.columns import dump_json, load_json

_STUCK_SECONDS = 20
"""After so long without a word from who holds a transaction open on a PostgreSQL, that transaction is given up."""

WRITES = "writes"
"""Execution option of a connection that is going to write."""


def make_engine(url: str, *, changes: bool = True) -> Engine:
    """An engine whose JSON is the wire's, and whose SQLite is fit for many readers and one writer.

    Without `changes`: for a look, at what may be somebody else's.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        message = f"{url!r} is not a database address; one looks like 'sqlite:////var/lib/lab.sqlite'."
        raise ConfigurationError(message) from error
    options: dict[str, Any] = {"json_serializer": dump_json, "json_deserializer": load_json}
    if is_in_memory(parsed):
        # One connection is the database; the store lets one thread at it at a time.
        options |= {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    elif parsed.get_backend_name() == "sqlite":
        options |= {"pool_size": 8, "max_overflow": 64}
    else:
        # Several servers share what a database allows in all, which is mostly a hundred.
        options |= {"pool_size": 8, "max_overflow": 12}
        # Several statements of one method see one state, as they do on SQLite; a server that was restarted is
        # found out before it costs a request.
        options |= {"isolation_level": "REPEATABLE READ", "pool_pre_ping": True}
    try:
        engine = create_engine(parsed, **options)
    except (ArgumentError, ModuleNotFoundError) as error:
        message = f"Nothing here can open {parsed.render_as_string(hide_password=True)!r}: {error}."
        raise ConfigurationError(message) from error
    if engine.dialect.name == "sqlite":
        if changes:
            event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _prepare_server)
    return engine


def is_shared(engine: Engine) -> bool:
    """Whether several servers may work on this database at a time."""
    return engine.dialect.name == "postgresql"


def be_patient(connection: Connection) -> None:
    """Let this transaction take its time, and wait for others as long as it takes them."""
    if connection.dialect.name == "postgresql":
        for setting in ("lock_timeout", "idle_in_transaction_session_timeout"):
            connection.exec_driver_sql(f"SET LOCAL {setting} = 0")


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


def _prepare_server(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        # Moments come back in the session's zone, and in another than UTC the last hours of 9999 would be in no year.
        cursor.execute("SET TIME ZONE 'UTC'")
        # A server that is stopped, or cut off, in the midst of a transaction must not hold up the others for ever.
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{_STUCK_SECONDS}s'")
        cursor.execute(f"SET lock_timeout = '{2 * _STUCK_SECONDS}s'")
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that starts by reading and writes later can fail for good; one that says so first only waits.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
