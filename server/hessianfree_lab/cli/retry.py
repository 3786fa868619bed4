"""`hessianfree retry ID`."""

import typer

from hessianfree_lab.cli import options


def retry(
    run_id: options.RunId,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """Queue an ended job again.

    It goes on from its latest checkpoint, where the machine that trains it has one.
    """
    from hessianfree_lab.cli.configuration import connect
    from hessianfree_lab.cli.lookup import find_run

    with connect(server, token, token_file) as client:
        run = client.retry(find_run(client, run_id).id)
    typer.echo(f"{run.name}: {run.state}.")
