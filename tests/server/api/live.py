"""Reading an event stream as a program does."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass
class Stream:
    """What has come so far; `wait_for` waits for more."""

    headers: httpx.Headers
    messages: list[dict[str, Any]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def kinds(self) -> list[str]:
        return [message["event"] for message in self.messages if "event" in message]

    def of(self, kind: str) -> list[Any]:
        return [message["data"] for message in list(self.messages) if message.get("event") == kind]

    def wait_for(self, condition: Any, seconds: float = 5.0) -> None:
        """Until `condition(self)`; fails after `seconds`."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not condition(self):
                left = deadline - time.monotonic()
                assert left > 0, f"not in {seconds} s; came: {self.kinds()}"
                self._changed.wait(left)

    def _read(self, lines: Iterator[str]) -> None:
        message: dict[str, Any] = {}
        try:
            for line in lines:
                if line:
                    name, _, value = line.partition(": ")
                    message[name] = json.loads(value) if name == "data" else value
                    continue
                with self._changed:
                    self.messages.append(message | {"at": time.monotonic()})
                    self._changed.notify_all()
                message = {}
        except httpx.TransportError:
            pass
        self.ended.set()


@contextmanager
def streaming(url: str, **options: Any) -> Iterator[Stream]:
    """An open stream that a thread reads; open means that its first message is there."""
    with (
        httpx.Client(timeout=httpx.Timeout(5, read=60), trust_env=False) as client,
        client.stream("GET", f"{url}/api/v1/events", **options) as response,
    ):
        assert response.status_code == 200
        stream = Stream(headers=response.headers)
        reader = threading.Thread(target=stream._read, args=(response.iter_lines(),), daemon=True)
        reader.start()
        stream.wait_for(lambda s: s.messages)
        try:
            yield stream
        finally:
            # A blocking read in another thread ends when its socket does.
            with suppress(OSError):  # the server has closed it before
                response.extensions["network_stream"].get_extra_info("socket").shutdown(2)
            reader.join(5)
