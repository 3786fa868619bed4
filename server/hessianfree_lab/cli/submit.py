"""`hessianfree submit FILE`: put a job into the queue."""

from typing import Annotated

import typer

from hessianfree_lab.cli import options


def submit(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The job, YAML or JSON; - reads standard input.")
    ],
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change the job: --set budget.steps=50. May be repeated."
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow the run to its end, as `watch` does.")
    ] = False,
    key: options.Key = None,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """Put a job into the queue.

    Prints the run's id and its address in the dashboard.
    """
    from hessianfree_lab.cli.configuration import connect
    from hessianfree_lab.cli.keyed import keyed
    from hessianfree_lab.cli.specfile import read_spec
    from hessianfree_lab.cli.watch import watch_to_end

    spec = read_spec(file, changes or ())
    with connect(server, token, token_file) as client:
        run = keyed(lambda known: client.submit(spec, known), key)
        typer.echo(f"{run.id}  {client.url}/runs/{run.id}")
        if watch:
            watch_to_end(client, run)
