"""Running the server: everything is checked before it starts, and it stops at once when it is told to."""

import fcntl
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from hessianfree_lab.app import create_app
from hessianfree_lab.errors import ConfigurationError
from hessianfree_lab.patience import PatientProtocol
from hessianfree_lab.settings import Settings
from hessianfree_lab.store import Store, open_store
from hessianfree_lab.store.ownership import served
from hessianfree_lab.variables import TOKEN

_GRACE_SECONDS = 1
"""What a request that is under way has left when the server is told to stop."""
_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep an idle connection: who closes first should be the one that knows it is idle."""


def serve(settings: Settings, *, on_ready: Callable[[str], None] | None = None) -> None:
    """Run the server in this thread until SIGINT or SIGTERM; `on_ready` gets its address once it answers.

    `ConfigurationError` before anything is started when a setting cannot be used.
    """
    with _prepared(settings) as (listener, store):
        server = _Server(settings, store, on_ready)
        server.run(sockets=[listener])


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """A server in a thread of this process, for tests and notebooks: yields its address."""
    ready = threading.Event()
    with _prepared(settings) as (listener, store):
        server = _Server(settings, store, lambda _: ready.set())
        thread = threading.Thread(
            target=server.run, args=([listener],), name="hessianfree-server", daemon=True
        )
        url = _url(settings.host, listener)
        thread.start()
        try:
            while not ready.wait(0.05):
                if not thread.is_alive():
                    raise ConfigurationError("The server did not start; its log says why.")
            yield url
        finally:
            server.stop()
            thread.join()


class _Server(uvicorn.Server):
    """uvicorn, but that it says when it answers, and ends what would otherwise be waited for when it stops."""

    def __init__(self, settings: Settings, store: Store, on_ready: Callable[[str], None] | None) -> None:
        self._app: FastAPI = create_app(settings, store)
        self._settings = settings
        self._on_ready = on_ready
        super().__init__(
            uvicorn.Config(
                self._app,
                http=PatientProtocol,
                log_config=None,
                access_log=False,
                lifespan="on",
                timeout_graceful_shutdown=_GRACE_SECONDS,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                server_header=False,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._on_ready is not None and sockets:
            self._on_ready(_url(self._settings.host, sockets[0]))

    def handle_exit(self, _sig: int, _frame: FrameType | None) -> None:
        """From the signal, which is not raised again afterwards: this end is a good one."""
        self.stop()

    def stop(self) -> None:
        """Close event streams and long polls, then the server; from any thread."""
        self._app.state.broadcaster.close()
        self.should_exit = True


@contextmanager
def _prepared(settings: Settings) -> Iterator[tuple[socket.socket, Store]]:
    """Everything that may be refused, in the order in which it is cheapest to find out."""
    if not settings.is_loopback and settings.secret is None:
        message = (
            f"{settings.host} can be reached from other machines, and there is no token to keep them out. Set one: "
            f"{TOKEN}=$(openssl rand -hex 32), or --token; or listen on 127.0.0.1."
        )
        raise ConfigurationError(message)
    with ExitStack() as stack:
        stack.enter_context(own_directory(settings))
        listener = stack.enter_context(_bind(settings))
        stack.enter_context(served(settings.url_of_database))
        store = open_store(settings.url_of_database, lease_seconds=settings.lease_seconds)
        stack.callback(store.close)
        yield listener, store


@contextmanager
def own_directory(settings: Settings) -> Iterator[None]:
    """Make the data directory and hold its lock: it is one server's, with what is in it."""
    directory = settings.data_dir.resolve()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "server.lock").open("a")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"The data directory {directory} cannot be written: {reason}. Name another with --data-dir."
        raise ConfigurationError(message) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            message = f"Another server already runs on the data directory {directory}. Stop it, or name another one."
            raise ConfigurationError(message) from error
        yield


def _bind(settings: Settings) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        message = (
            f"{settings.host!r} is no address of this machine: {(error.strerror or str(error)).lower()}."
        )
        raise ConfigurationError(message) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)  # now, for binding alone does not keep a second server from the port
    except OSError as error:
        listener.close()
        reason = (error.strerror or str(error)).lower()
        message = (
            f"Cannot listen on {settings.host} port {settings.port}: {reason}. Choose another with --port."
        )
        raise ConfigurationError(message) from error
    return listener


def _url(host: str, listener: socket.socket) -> str:
    """An address that a browser on this machine can use."""
    port = listener.getsockname()[1]
    if host in ("0.0.0.0", ""):
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
