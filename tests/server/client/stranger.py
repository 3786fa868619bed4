"""A program at an address where a server was expected."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Handler(BaseHTTPRequestHandler):
    status = 200
    server_id: str | None = None

    def do_GET(self) -> None:
        self._answer(self.status)

    def do_POST(self) -> None:
        self._answer(self.status if self.server_id is None else 502)

    def _answer(self, status: int) -> None:
        page = b"" if status == 302 else b"<html>Welcome aboard</html>"
        self.send_response(status)
        if self.server_id is not None:
            self.send_header("HessianFree-Server", self.server_id)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def stranger(status: int = 200, *, server_id: str | None = None) -> Iterator[str]:
    """Its address: a page for whatever is asked, as before the network of a train.

    With a `server_id` it stands before that server, and loses its answers to what is sent there.
    """
    handler = type("Handler", (_Handler,), {"status": status, "server_id": server_id})
    portal = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=portal.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{portal.server_port}"
    finally:
        portal.shutdown()
        thread.join()
        portal.server_close()
