"""Who may come in: the token, the origin of writes, the name the server is called by; and headers for browsers."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hessianfree_lab.api.auth import is_authorized
from hessianfree_lab.api.errors import problem, wants_page
from hessianfree_lab.settings import Settings, is_loopback

_OPEN = ("/healthz", "/readyz", "/login")
_READS = ("GET", "HEAD", "OPTIONS")

# plotly.js sets styles on its elements, and draws and saves images through data: and blob: addresses.
_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}


class Guard:
    """Around the whole application, static files included.

    With a token: everything but `/healthz`, `/readyz`, `/login` and `/static/` asks for it. Without one the server
    listens on loopback alone, and a page elsewhere could still reach it under a name of its own that it points at
    127.0.0.1 (DNS rebinding): then the Host must be a name of this machine.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._token = settings.secret
        self._host = settings.host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(Request(scope))
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        if request.method not in _READS and not _is_same_origin(request.headers):
            return problem(403, "Writes from a page of another origin are refused.")
        if self._token is None:
            host = _host_name(request.headers.get("host", ""))
            if not (is_loopback(host) or host == self._host):
                return problem(
                    403, f"Without a token this server answers to localhost only, not to {host!r}."
                )
            return None
        path = request.url.path
        if path in _OPEN or path.startswith("/static/"):
            return None
        if is_authorized(self._token, request.headers, request.cookies):
            return None
        if wants_page(request):
            target = path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/login?next={quote(target, safe='')}", status_code=303)
        detail = "This server asks for its token: send 'Authorization: Bearer TOKEN', or sign in at /login."
        return problem(401, detail, headers={"WWW-Authenticate": "Bearer"})


def _is_same_origin(headers: Mapping[str, str]) -> bool:
    """Browsers say where a write comes from; who says nothing is no browser."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


def _host_name(host: str) -> str:
    """The Host header without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
