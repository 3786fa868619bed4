"""Bodies that are too large are refused, whether or not they say how large they are."""

from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hessianfree_lab.api.errors import problem

_READ_ANYWAY = 16


class BodyLimit:
    """413 for a body of more than `max_bytes`, except where `unlimited` says that the endpoint counts by itself.

    A body that says so beforehand is read and dropped, up to a few times the limit: a client that is still sending
    when the connection closes would see a broken pipe in place of the answer.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, unlimited: Callable[[str, str], bool]) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._unlimited = unlimited
        self._detail = f"The body is too large: at most {max_bytes} bytes are allowed."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._unlimited(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
        elif _content_length(scope) > self._max_bytes:
            await self._drop(receive)
            await problem(413, self._detail)(scope, receive, send)
        else:
            await self._app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise HTTPException(413, self._detail)
            return message

        return receive_counted

    async def _drop(self, receive: Receive) -> None:
        received, more = 0, True
        while more and received <= _READ_ANYWAY * self._max_bytes:
            message = await receive()
            received += len(message.get("body", b""))
            more = message.get("more_body", False)


def _content_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
