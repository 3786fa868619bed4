"""`hessianfree resume ID`."""

import typer

from hessianfree_lab.cli import options


def resume(
    run_id: options.RunId,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """Let a paused job go on.

    With its process if it has one, otherwise through the queue and from its checkpoint.
    """
    from hessianfree_lab.cli.configuration import connect
    from hessianfree_lab.cli.lookup import find_run

    with connect(server, token, token_file) as client:
        run = client.resume(find_run(client, run_id).id)
    typer.echo(f"{run.name}: {'resume requested' if run.state == 'paused' else run.state}.")
