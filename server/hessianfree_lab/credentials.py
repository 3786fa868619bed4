"""Where a token comes from; nothing is read before somebody asks."""

import os
from pathlib import Path

from hessianfree_lab.errors import ConfigurationError
from hessianfree_lab.variables import TOKEN, TOKEN_FILE


def read_token(token: str | None = None, token_file: Path | None = None) -> str | None:
    """The first there is of: the token given, the file given, HESSIANFREE_TOKEN, HESSIANFREE_TOKEN_FILE.

    Raises `ConfigurationError` for a file that cannot be read, or is empty.
    """
    if token:
        return token
    if token_file:
        return _content(token_file)
    if from_environment := os.environ.get(TOKEN):
        return from_environment
    if path := os.environ.get(TOKEN_FILE):
        return _content(Path(path))
    return None


def _content(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"The token file {path} cannot be read: {reason}.") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"The token file {path} cannot be read: {error}.") from None
    if not token:
        raise ConfigurationError(f"The token file {path} is empty: remove it to have a new token made.")
    return token
