"""`hessianfree pause ID`."""

import typer

from hessianfree_lab.cli import options


def pause(
    run_id: options.RunId,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """Hold a job back.

    At once when it is queued; one that runs keeps its process, and stands still within seconds.
    """
    from hessianfree_lab.cli.configuration import connect
    from hessianfree_lab.cli.lookup import find_run

    with connect(server, token, token_file) as client:
        run = client.pause(find_run(client, run_id).id)
    typer.echo(f"{run.name}: {run.state if run.state == 'paused' else 'pause requested'}.")
