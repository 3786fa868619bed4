"""`hessianfree set ID damping=0.5`."""

from typing import Annotated

import typer

from hessianfree_lab.cli import options


def change(
    run_id: options.RunId,
    settings: Annotated[
        list[str],
        typer.Argument(metavar="NAME=VALUE", help="damping=0.5, lr=0.1, budget.steps=50 and so on."),
    ],
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """Change settings of a running job.

    Options of the optimizer that can be changed, and the budget; from the next step on.
    """
    from hessianfree_lab.cli.configuration import connect
    from hessianfree_lab.cli.lookup import find_run
    from hessianfree_lab.cli.specfile import read_changes

    changes = read_changes(settings)
    with connect(server, token, token_file) as client:
        run = find_run(client, run_id)
        control = client.set(run.id, changes)
    typer.echo(f"{run.name}: change {control.number} requested.")
