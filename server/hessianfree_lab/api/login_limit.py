"""How often a client may get it wrong."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable


class LoginLimit:
    """At most `most` failures a client in `seconds`, then none is looked at until one of them is that old.

    Remembers at most `clients` of them, those that failed last: memory is bounded, and who has addresses without end
    is not stopped by any limit on each.
    """

    def __init__(
        self,
        most: int,
        *,
        seconds: float = 60.0,
        clients: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clients = clients
        self._clock = clock
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_seconds(self, client: str) -> float:
        """How long the client has to wait until it may try; 0: not at all."""
        with self._lock:
            recent = self._recent(client)
            return (
                max(0.0, recent[-self._most] + self._seconds - self._clock())
                if len(recent) >= self._most
                else 0.0
            )

    def note_failure(self, client: str) -> None:
        with self._lock:
            self._failures[client] = [*self._recent(client), self._clock()][-self._most :]
            self._failures.move_to_end(client)
            while len(self._failures) > self._clients:
                self._failures.popitem(last=False)

    def forget(self, client: str) -> None:
        """The client got it right."""
        with self._lock:
            self._failures.pop(client, None)

    def _recent(self, client: str) -> list[float]:
        since = self._clock() - self._seconds
        return [moment for moment in self._failures.get(client, ()) if moment > since]
