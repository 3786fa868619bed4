"""The server's event stream: read, and taken up again where it broke."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from hessianfree_lab.client.backoff import Backoff
from hessianfree_lab.client.connection import API, error_of, given, unreachable

# The server writes a comment every 15 s: a stream silent for three times that is dead.
STREAM_TIMEOUT = httpx.Timeout(45.0, connect=5.0)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One server-sent event; `kind` and `data` as in docs/wire.md. `id` is None where the server gave none."""

    id: int | None
    kind: str
    data: dict[str, Any]


def follow(
    http: httpx.Client,
    url: str,
    *,
    runs: Sequence[str] = (),
    after: int | None = None,
    patience_seconds: float = 60.0,
) -> Iterator[Event]:
    """Events of the server at `url`, until `http` is closed: a broken stream is resumed with Last-Event-ID.

    Raises `ServerUnreachable` once there has been no connection for `patience_seconds`, and `ClientError` when the
    server refuses the stream (4xx).
    """
    last_id = after
    backoff = Backoff(longest_seconds=5.0)
    silent_since = time.monotonic()
    while not http.is_closed:
        try:
            headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
            if last_id is not None:
                headers["Last-Event-ID"] = str(last_id)
            with http.stream(
                "GET", f"{url}{API}/events", params=given({"runs": list(runs) or None}), headers=headers,
                timeout=STREAM_TIMEOUT,
            ) as response:  # fmt: skip
                if response.is_error:
                    response.read()
                    if response.status_code < 500:
                        raise error_of(response)
                    response.raise_for_status()
                backoff.reset()
                for message in parse(response.iter_lines()):
                    last_id = message.id if message.id is not None else last_id
                    if message.data:
                        yield Event(id=message.id, kind=message.kind, data=json.loads(message.data))
                silent_since = time.monotonic()
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            if backoff.failures == 0:
                silent_since = time.monotonic()
            if time.monotonic() - silent_since > patience_seconds:
                raise unreachable(url, error) from error
        time.sleep(backoff.next_seconds())


@dataclass(frozen=True, kw_only=True)
class Message:
    """A server-sent event as it stands in the stream. Without data it only says from which id on to resume."""

    id: int | None
    kind: str
    data: str


def parse(lines: Iterable[str]) -> Iterator[Message]:
    """Messages in the lines of a text/event-stream (WHATWG HTML, 9.2.6); comments and `retry` are passed over."""
    kind, data, event_id = "message", list[str](), None
    for line in lines:
        if not line:
            if data or event_id is not None:
                yield Message(id=event_id, kind=kind, data="\n".join(data))
            kind, data, event_id = "message", [], None
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                kind = value
            case "data":
                data.append(value)
            case "id" if value.isascii() and value.isdigit():
                event_id = int(value)
