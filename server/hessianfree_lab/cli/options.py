"""The options that several verbs share.

Most have no default of their own: None means "not given", so that `Settings` or a `HESSIANFREE_*` variable decides.
"""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_SERVER = "http://127.0.0.1:8765"

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help=f"The server to speak to; or HESSIANFREE_SERVER. Default: {DEFAULT_SERVER}",
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token", metavar="TOKEN", help="The server's token; or HESSIANFREE_TOKEN, which `ps` does not show."
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file", metavar="PATH", help="Read the token from a file; or HESSIANFREE_TOKEN_FILE."
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="PATH", help="Where everything is kept. Default: hessianfree-data"),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        help="Any SQLAlchemy URL. Default: a SQLite file in the data directory.",
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        "--host", metavar="ADDRESS", help="Address to listen on. Default: 127.0.0.1; any other needs a token."
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        metavar="PORT",
        min=0,
        max=65535,
        help="Port to listen on; 0 takes any free one. Default: 8765",
    ),
]
AllowedHost = Annotated[
    list[str] | None,
    typer.Option(
        "--allowed-host",
        metavar="NAME",
        help="A name the server answers to beside localhost; may be repeated. Default: beyond loopback, any.",
    ),
]
Slots = Annotated[int, typer.Option("--slots", metavar="N", min=1, max=64, help="Jobs at a time.")]
WorkerName = Annotated[
    str | None,
    typer.Option(
        "--name", metavar="NAME", help="How the worker is shown. Default: host name and process id."
    ),
]
RunId = Annotated[
    str,
    typer.Argument(metavar="ID", help="A run's id, or a beginning or an end of it that no other run shares."),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output, for scripts.")]
UntilStdinCloses = Annotated[
    bool,
    typer.Option(
        "--until-stdin-closes", hidden=True, help="Stop when standard input closes: the parent has gone."
    ),
]
