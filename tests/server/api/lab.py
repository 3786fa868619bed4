"""A server that asks for tokens, and callers of every role."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from hessianfree_lab.app import create_app
from hessianfree_lab.records.tokens import NewToken, TokenRequest
from hessianfree_lab.settings import Settings
from hessianfree_lab.store import Store, open_store
from server.api.in_process import InProcess, in_process

SECRET = "the token of the settings"


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@dataclass(frozen=True, kw_only=True)
class Lab:
    """An application on a database of its own."""

    app: FastAPI
    http: InProcess
    store: Store

    def token(self, role: str, name: str | None = None, **more: Any) -> NewToken:
        """A new token; its role is its name unless it is given one."""
        request: Any = {"name": name or role, "role": role} | more
        return self.store.access.create(TokenRequest(**request))


@contextmanager
def lab(directory: Path, **settings: Any) -> Iterator[Lab]:
    """A server with a token in its settings."""
    known = Settings(**{"data_dir": directory, "port": 0, "token": SECRET} | settings)
    store = open_store(known.url_of_database)
    app = create_app(known, store)
    with in_process(app) as http:
        yield Lab(app=app, http=http, store=store)
    store.close()
