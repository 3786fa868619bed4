"""`hessianfree db`: chores of the database, with the server stopped."""

import typer

from hessianfree_lab.cli import options

app = typer.Typer(name="db", help="Chores of the database.", no_args_is_help=True)


@app.callback()
def db() -> None:
    """Chores of the database."""


@app.command("upgrade")
def upgrade(data_dir: options.DataDir = None, database_url: options.DatabaseUrl = None) -> None:
    """Bring the database to this version's schema. `serve` does it too, at every start."""
    from hessianfree_lab.cli.configuration import read_settings
    from hessianfree_lab.store import open_store

    settings = read_settings(data_dir=data_dir, database_url=database_url)
    open_store(settings.url_of_database).close()
    typer.echo(f"{settings.url_of_database} has the schema of this version.")
