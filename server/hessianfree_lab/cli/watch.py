"""`hessianfree watch ID`: one run, live, to its end."""

from typing import TYPE_CHECKING

import typer

from hessianfree_lab.cli import options

if TYPE_CHECKING:
    from hessianfree_lab.client import Client
    from hessianfree_lab.records import Run


def watch(
    run_id: options.RunId,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """Follow a run until it ends.

    Exits with 0 only if the run completed. Ctrl-C leaves the run alone.
    """
    from hessianfree_lab.cli.configuration import connect
    from hessianfree_lab.cli.lookup import find_run

    with connect(server, token, token_file) as client:
        watch_to_end(client, find_run(client, run_id))


def watch_to_end(client: "Client", run: "Run") -> None:
    """Show `run` until it has ended; `typer.Exit` with 1 unless it completed."""
    from hessianfree_lab.cli.following import follow
    from hessianfree_lab.cli.progress import progress_view

    with progress_view() as view:
        for known in follow(client, [run.id]):
            view.show(known)
            run = known
    if run.state != "completed":
        reason = run.error.splitlines()[0] if run.error else f"It is {run.state}."
        typer.echo(f"hessianfree: {run.name} did not complete. {reason}", err=True)
        raise typer.Exit(1)
