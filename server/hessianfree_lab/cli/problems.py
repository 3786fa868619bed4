"""`hessianfree problems`: what jobs can ask for."""

from typing import Annotated

import typer

from hessianfree_lab.cli import options


def problems(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this one.")] = None,
    as_json: options.AsJson = False,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """List problems and their parameters.

    Those that workers have announced, with defaults and bounds.
    """
    from hessianfree_lab.cli.catalogue import print_catalogue
    from hessianfree_lab.cli.configuration import connect

    with connect(server, token, token_file) as client:
        print_catalogue(client.problems(), kind="problem", only=name, as_json=as_json)
