"""`hessianfree sync`: send what was recorded without a server."""

from typing import Annotated

import typer

from hessianfree_lab.cli import options


def sync(
    data_dir: options.DataDir = None,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="SECONDS", min=1, help="At most, for each run.")
    ] = 300.0,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """Send recorded runs to the server.

    Those that scripts have recorded offline, and what an earlier script could not send. What the server has is removed
    from the disk. Exits with 1 if anything stays there.
    """
    from hessianfree_lab.cli.configuration import connect, read_settings
    from hessianfree_lab.client.recovery import Outcome
    from hessianfree_lab.client.sync import sync as send

    told = {
        Outcome.STORED: "sent",
        Outcome.GONE: "removed here, since the server has no use for it: {}",
        Outcome.REFUSED: "kept, for the server refused it: {}",
        Outcome.LEFT: "not sent: {}",
        Outcome.FOREIGN: "kept: {}",
        Outcome.BUSY: "kept: {}",
    }
    root = read_settings(data_dir=data_dir).data_dir / "scripts"
    count = left = 0
    with connect(server, token, token_file) as client:
        for delivery in send(root, client, timeout_seconds=seconds):
            words = told[delivery.outcome].format(delivery.reason)
            typer.echo(f"{delivery.spool.name}  {delivery.spool.run}  {words}")
            count += 1
            left += delivery.outcome not in (Outcome.STORED, Outcome.GONE)
    if not count:
        typer.echo(f"There is nothing to send in {root}.")
    if left:
        raise typer.Exit(1)
