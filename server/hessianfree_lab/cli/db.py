"""`hessianfree db`: chores of the database."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hessianfree_lab.cli import options

if TYPE_CHECKING:
    from hessianfree_lab.settings import Settings

app = typer.Typer(name="db", help="Chores of the database.", no_args_is_help=True)


@app.callback()
def db() -> None:
    """Chores of the database."""


@app.command("upgrade")
def upgrade(data_dir: options.DataDir = None, database_url: options.DatabaseUrl = None) -> None:
    """Bring the database to this version's schema. `serve` does it too, at every start."""
    from hessianfree_lab.store import open_store

    settings = _settings(data_dir, database_url)
    open_store(settings.url_of_database).close()
    typer.echo(f"{settings.url_of_database} has the schema of this version.")


@app.command("backup")
def backup(
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="A new file, or a directory to make one in.")
    ],
    data_dir: options.DataDir = None,
    database_url: options.DatabaseUrl = None,
) -> None:
    """Copy a SQLite database as it is at this moment, with a server running or without.

    Runs and all that they recorded are in it; artifacts and checkpoints are files beside the database.
    """
    from hessianfree_lab.store.backup import back_up

    made = back_up(_settings(data_dir, database_url).url_of_database, target)
    typer.echo(f"The database is copied to {made}.")


@app.command("restore")
def restore(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="What `hessianfree db backup` made.")],
    data_dir: options.DataDir = None,
    database_url: options.DatabaseUrl = None,
) -> None:
    """Put a backup in the place of a SQLite database, with the server stopped.

    The backup is checked first; the database that was there is kept beside it under another name.
    """
    from hessianfree_lab.serving import own_directory
    from hessianfree_lab.store.backup import restore as put_back

    settings = _settings(data_dir, database_url)
    with own_directory(settings):
        aside = put_back(settings.url_of_database, source)
    typer.echo(f"{source} is restored." + (f" What was there before is {aside}." if aside else ""))


@app.command("copy")
def copy(
    source: Annotated[str, typer.Option("--from", metavar="URL", help="The database to copy.")],
    target: Annotated[str, typer.Option("--to", metavar="URL", help="An empty database.")],
) -> None:
    """Copy a database into an empty one, from SQLite to PostgreSQL or back, with the servers stopped.

    All of it or nothing. Artifacts and checkpoints are files beside the database: move them, too.
    """
    from hessianfree_lab.store.copying import copy as copy_all

    copied = copy_all(source, target, _show_progress)
    typer.echo(f"{copied.rows:,} rows of {copied.tables} tables are copied.")
    typer.echo(
        "Artifacts are not in the database: unless they lie in a storage that both servers use, copy "
        "DATA_DIR/artifacts to the new server's data directory."
    )


@app.command("check")
def check(data_dir: options.DataDir = None, database_url: options.DatabaseUrl = None) -> None:
    """Look through a SQLite database for damage, with a server running or without; exit 1 when there is some."""
    from hessianfree_lab.store.backup import faults_of, path_of

    path = path_of(_settings(data_dir, database_url).url_of_database)
    faults = faults_of(path)
    for fault in faults:
        typer.echo(f"{path}: {fault}.", err=True)
    if faults:
        raise typer.Exit(1)
    typer.echo(f"{path} is whole.")


def _show_progress(table: str, done: int, total: int) -> None:
    """One line a table, which counts on a terminal."""
    if sys.stderr.isatty() or done == total:
        begin = "\r" if sys.stderr.isatty() else ""
        typer.echo(f"{begin}{table}: {done:,} of {total:,} rows", err=True, nl=done == total)


def _settings(data_dir: Path | None, database_url: str | None) -> "Settings":
    from hessianfree_lab.cli.configuration import read_settings

    return read_settings(data_dir=data_dir, database_url=database_url)
