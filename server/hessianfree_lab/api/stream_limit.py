"""How many event streams may be open: of one client, and in all."""

from collections import Counter
from collections.abc import AsyncIterator

from fastapi import Request
from starlette.exceptions import HTTPException


class StreamLimit:
    """Counts open streams; used from the event loop alone."""

    def __init__(self, *, a_client: int, in_all: int) -> None:
        self._a_client = a_client
        self._in_all = in_all
        self._open: Counter[str] = Counter()

    def open(self, client: str) -> None:
        """Take a place; 429 where there is none."""
        if self._open[client] >= self._a_client:
            detail = f"This client has {self._open[client]} event streams open; at most {self._a_client} are allowed."
            raise _too_many(detail)
        if self._open.total() >= self._in_all:
            raise _too_many(f"{self._in_all} event streams are open, which is all this server allows.")
        self._open[client] += 1

    def close(self, client: str) -> None:
        self._open[client] -= 1
        if not self._open[client]:
            del self._open[client]


def _too_many(detail: str) -> HTTPException:
    return HTTPException(429, detail, headers={"Retry-After": "10"})


async def place_for_stream(request: Request) -> AsyncIterator[None]:
    """A dependency that holds a place while the answer is sent."""
    limit: StreamLimit = request.app.state.stream_limit
    client = client_of(request)
    limit.open(client)
    try:
        yield
    finally:
        limit.close(client)


def client_of(request: Request) -> str:
    """The address of who asks; behind a proxy on this machine, the one that it forwards."""
    return request.client.host if request.client else "nobody"
