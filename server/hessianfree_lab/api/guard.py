"""What no page of another site shall do: write here, or reach this server under a name of its own; and headers."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from fastapi import Request, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hessianfree_lab.api.errors import problem
from hessianfree_lab.api.policy import READS
from hessianfree_lab.records.answers import SERVER_HEADER
from hessianfree_lab.settings import Settings, is_loopback

# No inline script, no eval, nothing from elsewhere. plotly.js sets styles on its elements and adds a sheet of its own,
# and draws and saves images through data: and blob: addresses; styles alone read nothing and send nothing anywhere,
# since images, fonts and requests keep to this server.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",  # static files say otherwise
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Around the whole application, static files included. `server_id` is told with every answer."""

    def __init__(self, app: ASGIApp, settings: Settings, server_id: str) -> None:
        self._app = app
        self._hosts = settings.answers_to
        self._headers = HEADERS | {SERVER_HEADER: server_id}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(Request(scope))
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        host = _host_name(request.headers.get("host", ""))
        if not (self._hosts is None or is_loopback(host) or host in self._hosts):
            # A page elsewhere could point its own name at this address and then read everything (DNS rebinding).
            detail = (
                f"This server does not answer to the name {host!r}; --allowed-host adds one that it does."
            )
            return problem(403, detail)
        if request.method not in READS and not _is_same_origin(request.headers):
            return problem(403, "Writes from a page of another origin are refused.")
        return None


def _is_same_origin(headers: Mapping[str, str]) -> bool:
    """Browsers say where a write comes from; who says nothing is no browser."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    try:
        return origin is None or urlsplit(origin).netloc == headers.get("host", "")
    except ValueError:
        return False


def _host_name(host: str) -> str:
    """The Host header without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
