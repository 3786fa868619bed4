"""From flags and environment to `Settings`, a server's address and a token. Nothing is read before a verb asks."""

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hessianfree_lab.cli.options import DEFAULT_SERVER
from hessianfree_lab.credentials import read_token
from hessianfree_lab.errors import ConfigurationError
from hessianfree_lab.variables import SERVER, of_setting

if TYPE_CHECKING:
    from hessianfree_lab.client import Client
    from hessianfree_lab.settings import Settings

TOKEN_BYTES = 32


def read_settings(**flags: Any) -> "Settings":
    """`Settings` from the flags that were given (not None), then `HESSIANFREE_*`, then the defaults.

    Raises `ConfigurationError` that names every setting that cannot be used.
    """
    from pydantic import ValidationError

    from hessianfree_lab.settings import Settings

    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as invalid:
        raise ConfigurationError(" ".join(map(_sentence, invalid.errors()))) from None


def _sentence(fault: Any) -> str:
    name = ".".join(map(str, fault["loc"]))
    return f"The setting {name} ({of_setting(name)}) cannot be {fault['input']!r}: {fault['msg'].lower()}."


def connect(server: str | None, token: str | None, token_file: Path | None) -> "Client":
    """A client for the server that flags or environment name; no request is made yet."""
    from hessianfree_lab.client import Client

    return Client(server_url(server), read_token(token, token_file))


def server_url(server: str | None) -> str:
    """The address given, else HESSIANFREE_SERVER, else the default one; `http://` may be left out."""
    url = server or os.environ.get(SERVER) or DEFAULT_SERVER
    return url.rstrip("/") if "://" in url else f"http://{url.rstrip('/')}"


def make_token_file(path: Path) -> str | None:
    """Write a new random token to `path`, readable by its owner alone; None when the file is there already."""
    if path.is_file():
        return None
    token = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"The token file {path} cannot be made: {reason}.") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{token}\n")
    return token
