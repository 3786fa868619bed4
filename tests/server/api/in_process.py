"""An HTTP client of an application in this process: no socket, no port, and fast enough for one in every test."""

from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

JSON = {"Content-Type": "application/json"}


class InProcess:
    """As httpx.Client. What the application raises is a 500, as it is for everybody."""

    def __init__(self, portal: BlockingPortal, client: httpx.AsyncClient) -> None:
        self._portal = portal
        self._client = client

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._portal.call(partial(self._client.request, method, path, **options))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def patch(self, path: str, **options: Any) -> httpx.Response:
        return self.request("PATCH", path, **options)

    def forget_cookies(self) -> None:
        self._client.cookies.clear()

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)


@contextmanager
def in_process(app: FastAPI) -> Iterator[InProcess]:
    """The client while the application runs: started before, shut down afterwards."""

    @asynccontextmanager
    async def started() -> Any:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        async with app.router.lifespan_context(app), client:
            yield client

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(started()) as client:
        yield InProcess(portal, client)
