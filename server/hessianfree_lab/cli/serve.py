"""`hessianfree serve`: the server alone."""

from pathlib import Path
from typing import Annotated

import typer

from hessianfree_lab.cli import options


def serve(
    host: options.Host = None,
    port: options.Port = None,
    data_dir: options.DataDir = None,
    storage: options.Storage = None,
    database_url: options.DatabaseUrl = None,
    allowed_host: options.AllowedHost = None,
    token: options.Token = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="PATH",
            help="Read the token from a file; made, and shown once, if absent.",
        ),
    ] = None,
    url_file: Annotated[
        Path | None,
        typer.Option(
            "--url-file", metavar="PATH", help="Write the address here once it answers; for --port 0."
        ),
    ] = None,
    until_stdin_closes: options.UntilStdinCloses = False,
) -> None:
    """Run the server alone.

    It has the REST API, the dashboard and the queue; workers and scripts connect to it.
    """
    from hessianfree_lab.cli.configuration import make_token_file, read_settings
    from hessianfree_lab.cli.signals import stop_when_stdin_closes
    from hessianfree_lab.credentials import read_token
    from hessianfree_lab.logs import set_up
    from hessianfree_lab.serving import serve as run_server

    if token_file and (made := make_token_file(token_file)):
        print(f"Made a token and wrote it to {token_file}. Sign in with: {made}", flush=True)
    settings = read_settings(
        host=host,
        port=port,
        data_dir=data_dir,
        storage=storage,
        database_url=database_url,
        allowed_hosts=tuple(allowed_host) if allowed_host else None,
        token=read_token(token, token_file),
    )
    say = set_up(settings.log_format)
    if until_stdin_closes:
        stop_when_stdin_closes()

    def announce(url: str) -> None:
        say(f"HessianFree Lab serves at {url}", url=url)
        if url_file:
            _write_whole(url_file, url)

    run_server(settings, on_ready=announce)


def _write_whole(path: Path, text: str) -> None:
    """Whoever looks for the file finds all of it or nothing."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(f"{text}\n", encoding="utf-8")
    draft.replace(path)
