"""A network before a server that can be cut, so that packets vanish, or lose an answer with its connection."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class Network:
    """Forwards from a port of its own, `url`, to the server. What a cut holds up arrives when it is healed."""

    def __init__(self, server_url: str) -> None:
        self.lead_to(server_url)
        self._flows = threading.Event()
        self._flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._sockets: list[socket.socket] = [self._listener]
        self._lost = 0
        self._is_closed = False
        self.held = 0  # pieces that a cut holds up now
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._flows.clear()

    def heal(self) -> None:
        self._flows.set()

    def lead_to(self, server_url: str) -> None:
        """From now on connections are made to this server, as by a proxy whose other server is gone."""
        host, _, port = server_url.removeprefix("http://").rpartition(":")
        self._target = (host, int(port))

    def lose_answers(self, count: int) -> None:
        """The next so many answers do not arrive: what was asked is done, and the connection breaks."""
        self._lost = count

    def close(self) -> None:
        self._is_closed = True
        self.heal()
        for end in list(self._sockets):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=[near], daemon=True).start()

    def _pass(self) -> None:
        self.held += 1
        self._flows.wait()
        self.held -= 1

    def _connect(self, near: socket.socket) -> None:
        self._sockets.append(near)
        self._pass()
        with contextlib.suppress(OSError):
            if self._is_closed:
                return
            far = socket.create_connection(self._target)
            self._sockets.append(far)
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=[one, other, other is near], daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                self._pass()
                if answers and self._lost:
                    self._lost -= 1
                    break
                target.sendall(data)
        self._flows.wait()
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def network(server_url: str) -> Iterator[Network]:
    made = Network(server_url)
    try:
        yield made
    finally:
        made.close()
