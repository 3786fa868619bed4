"""Bringing a database's tables to the form this version needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, inspect, select
from sqlalchemy.exc import DatabaseError

from hessianfree_lab.errors import ConfigurationError, NewerDatabase
from hessianfree_lab.store.engine import WRITES, be_patient
from hessianfree_lab.version import __version__

CONNECTION = "connection"
"""Under this name the configuration's attributes hand migrations/env.py its connection."""


MIGRATING = 0x4846_0001
"""The advisory lock that is held while tables are changed; SQLite's writer's lock does as much."""


def _options(engine: Engine) -> dict[str, Any]:
    options: dict[str, Any] = {WRITES: True}
    if engine.dialect.name == "postgresql":
        # Who waits for the lock must then see what the one before has made.
        options["isolation_level"] = "READ COMMITTED"
    return options


def configuration() -> Config:
    """Alembic's, for the migrations that lie here."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def known_revisions() -> set[str]:
    """Every revision there has been up to this version."""
    return {script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()}


def upgrade(engine: Engine) -> None:
    """Run the migrations that are missing, all in one transaction; of several that come at once one does it.

    `NewerDatabase` when the database has been through one that is not known here; `ConfigurationError` when it
    cannot be opened, or is no database.
    """
    config = configuration()
    with _opened(engine, _options(engine)) as connection, connection.begin():
        be_patient(connection)
        if engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(MIGRATING)))
        if not _is_current(connection):
            config.attributes[CONNECTION] = connection
            command.upgrade(config, "heads")


def is_current(engine: Engine) -> bool:
    """Whether no migration is missing; changes nothing, waits for no writer, and raises what `upgrade` does."""
    with _opened(engine, {}) as connection:
        return _is_current(connection)


@contextmanager
def _opened(engine: Engine, options: dict[str, Any]) -> Iterator[Connection]:
    try:
        with engine.connect().execution_options(**options) as connection:
            yield connection
    except DatabaseError as error:
        reason = str(error.orig).strip().splitlines()[0].rstrip(".")
        remedy = "look whether it is the one meant, and, where a server has it, whether that runs and takes this user"
        message = f"The database {_shown(engine)} cannot be opened: {reason}. Please {remedy}."
        raise ConfigurationError(message) from error


def _is_current(connection: Connection) -> bool:
    present = set(MigrationContext.configure(connection).get_current_heads())
    if not present and (others := inspect(connection).get_table_names()):
        message = (
            f"The database {_shown(connection.engine)} is not one of HessianFree Lab: it has the table {others[0]!r}. "
            "Name another one, or one that is empty."
        )
        raise ConfigurationError(message)
    if unknown := sorted(present - known_revisions()):
        message = (
            f"The database {_shown(connection.engine)} was written by a newer version of HessianFree Lab than this "
            f"one, which is {__version__} and does not know its revision {unknown[0]!r}. Upgrade HessianFree Lab, or "
            "name another data directory."
        )
        raise NewerDatabase(message)
    return present == set(ScriptDirectory.from_config(configuration()).get_heads())


def _shown(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)
