"""Bringing a database's tables to the form this version needs."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DatabaseError

from hessianfree_lab.errors import ConfigurationError, NewerDatabase
from hessianfree_lab.store.engine import WRITES
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
    scripts = ScriptDirectory.from_config(config)
    known = known_revisions()
    shown = engine.url.render_as_string(hide_password=True)
    try:
        with engine.connect().execution_options(**_options(engine)) as connection, connection.begin():
            if engine.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(MIGRATING)))
            present = MigrationContext.configure(connection).get_current_heads()
            if unknown := sorted(set(present) - known):
                message = (
                    f"The database {shown} was written by a newer version of HessianFree Lab than this one, which is "
                    f"{__version__} and does not know its revision {unknown[0]!r}. Upgrade HessianFree Lab, or name "
                    "another data directory."
                )
                raise NewerDatabase(message)
            if set(present) != set(scripts.get_heads()):
                config.attributes[CONNECTION] = connection
                command.upgrade(config, "heads")
    except DatabaseError as error:
        raise ConfigurationError(f"The database {shown} cannot be opened: {error.orig}.") from error
