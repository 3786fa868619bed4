"""`hessianfree cancel ID`."""

import typer

from hessianfree_lab.cli import options


def cancel(
    run_id: options.RunId,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """Cancel a job.

    At once when it is queued, within seconds when it runs.
    """
    from hessianfree_lab.cli.configuration import connect
    from hessianfree_lab.cli.lookup import find_run

    with connect(server, token, token_file) as client:
        run = client.cancel(find_run(client, run_id).id)
    typer.echo(f"{run.name}: {'cancel requested' if run.stop_requested else run.state}.")
