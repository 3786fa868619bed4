"""`hessianfree tokens`: who may come in. Asked of the server; while that is stopped, of its data directory."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import typer

from hessianfree_lab.cli import options
from hessianfree_lab.errors import ConfigurationError

if TYPE_CHECKING:
    from hessianfree_lab.records.tokens import NewToken, Token, TokenRequest

app = typer.Typer(
    name="tokens", help="Who may come in: tokens, made, listed and revoked.", no_args_is_help=True
)

_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}

Here = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="PATH",
        help="Of a server that is stopped: open its database instead of asking it.",
    ),
]


class Keeper(Protocol):
    """Who keeps the tokens: a server's client, or the store itself."""

    def create(self, request: "TokenRequest") -> "NewToken": ...
    def tokens(self) -> "Sequence[Token]": ...
    def revoke(self, token_id: str) -> "Token": ...


@app.callback()
def tokens() -> None:
    """Who may come in: tokens, made, listed and revoked."""


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, or what for.")],
    role: Annotated[
        Literal["read", "write", "worker"],
        typer.Option(
            "--role", help="read: look. write: everything but tokens. worker: for 'hessianfree work'."
        ),
    ],
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="TIME", help="30d, 12h, 2w: how long it is valid.")
    ] = None,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
    data_dir: Here = None,
) -> None:
    """Make a token and show it: this once."""
    from pydantic import ValidationError

    from hessianfree_lab.records.tokens import TokenRequest

    seconds = None if expires is None else _seconds(expires)
    try:
        request = TokenRequest(name=name, role=role, expires_seconds=seconds)
    except ValidationError:
        message = (
            f"A token cannot be named {name!r}, or be valid for {expires}: names are 1 to 100 letters, digits, spaces "
            "and . @ / + - _, times at most 100 years."
        )
        raise ConfigurationError(message) from None
    with _keeper(server, token, token_file, data_dir) as keeper:
        made = keeper.create(request)
    typer.echo(f"{made.name} ({made.role}), {_until(made)}. Shown this once:", err=True)
    typer.echo(made.secret)


@app.command("list")
def list_tokens(
    as_json: options.AsJson = False,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
    data_dir: Here = None,
) -> None:
    """List all tokens, also those that are no longer valid."""
    import json

    from rich.table import Table

    from hessianfree_lab.cli import text

    with _keeper(server, token, token_file, data_dir) as keeper:
        found = keeper.tokens()
    if as_json:
        typer.echo(json.dumps([item.model_dump(mode="json") for item in found], indent=2))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("id", "name", "role", "made", "last used", "valid"):
        table.add_column(heading, overflow="fold")
    for item in found:
        used = text.MISSING if item.used_at is None else f"{item.used_at:%Y-%m-%d %H:%M}"
        table.add_row(
            text.short_id(item.id), item.name, item.role, f"{item.created_at:%Y-%m-%d}", used, _until(item)
        )
    text.print_table(table)


@app.command("revoke")
def revoke(
    which: Annotated[str, typer.Argument(metavar="NAME", help="Name of a valid token, or an end of an id.")],
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
    data_dir: Here = None,
) -> None:
    """Revoke a token: it opens nothing any more, at once, nor do browsers that signed in with it."""
    with _keeper(server, token, token_file, data_dir) as keeper:
        valid = [item for item in keeper.tokens() if item.revoked_at is None]
        found = [item for item in valid if item.name == which] or [
            item for item in valid if item.id.endswith(which)
        ]
        if len(found) != 1:
            message = (
                f"{len(found) or 'No'} valid tokens are named {which!r} or have an id that ends so; "
                "'hessianfree tokens list' shows them."
            )
            raise ConfigurationError(message)
        keeper.revoke(found[0].id)
    typer.echo(f"{found[0].name} ({found[0].role}) is revoked.")


@contextmanager
def _keeper(
    server: str | None, token: str | None, token_file: Path | None, data_dir: Path | None
) -> Iterator[Keeper]:
    from hessianfree_lab.cli.configuration import connect, read_settings

    if data_dir is None:
        from hessianfree_lab.client.tokens import RemoteTokens

        with connect(server, token, token_file) as client:
            yield RemoteTokens(client)
        return
    from hessianfree_lab.serving import own_directory
    from hessianfree_lab.store import open_store
    from hessianfree_lab.store.ownership import served

    settings = read_settings(data_dir=data_dir)
    # The lock: a server that runs would not hear that it is no longer open to everybody.
    with own_directory(settings), served(settings.url_of_database):
        store = open_store(settings.url_of_database)
        try:
            yield store.access
        finally:
            store.close()


def _seconds(text: str) -> int:
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if match is None:
        raise ConfigurationError(
            f"--expires is {text!r}; it must be a number with m, h, d or w, such as 30d."
        )
    return int(match[1]) * _UNITS[match[2]]


def _until(token: "Token") -> str:
    if token.revoked_at is not None:
        return f"revoked {token.revoked_at:%Y-%m-%d %H:%M}"
    return "until it is revoked" if token.expires_at is None else f"until {token.expires_at:%Y-%m-%d %H:%M}"
