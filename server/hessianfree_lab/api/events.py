"""The event stream: what was committed, as soon as it was."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import StreamingResponse

from hessianfree_lab.api.auth import Authenticator
from hessianfree_lab.api.broadcast import Broadcaster
from hessianfree_lab.api.dependencies import (
    AuthenticatorDep,
    BroadcasterDep,
    IdentityDep,
    LooksDep,
    StoreDep,
)
from hessianfree_lab.api.identity import Identity
from hessianfree_lab.api.looks import Looks
from hessianfree_lab.api.stream_limit import place_for_stream
from hessianfree_lab.store.interface import EVENTS

router = APIRouter(tags=["events"])

_TICK_OF_RUNS = 0.05
_TICK_OF_OVERVIEW = 0.3
"""Seconds between two looks at the store. What happens in between comes together, each run once."""
_RETRY_MILLISECONDS = 1000
_PIECE_BYTES = 128 * 1024
"""What a reader that has stopped to read costs, beside what the kernel holds for it."""
_ALIVE_SECONDS = 15.0
_ALIVE = b": alive\n\n"


class EventStream(StreamingResponse):
    media_type = "text/event-stream"


_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def _position(
    store: StoreDep,
    after: Annotated[int | None, Query(ge=0, le=2**62, description="Begin after this event.")] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> int:
    """The event after which the stream begins: where its reader was, or else now."""
    now = store.last_event_id()
    if last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit():
        # A browser that comes back repeats `after` as it was in the beginning; this header is the newer one.
        after = int(last_event_id)
    # An id from the future is from another database.
    return now if after is None or after > now else after


@router.get("/events", response_class=EventStream, dependencies=[Depends(place_for_stream)])
def events(
    store: StoreDep,
    looks: LooksDep,
    broadcaster: BroadcasterDep,
    authenticator: AuthenticatorDep,
    caller: IdentityDep,
    position: Annotated[int, Depends(_position)],
    runs: Annotated[str, Query(description="Ids of the runs whose steps and logs to send.")] = "",
) -> EventStream:
    """`run`, `removed` and `workers` of all runs; with `runs=` those of the runs named, and their `steps`, `logs`."""
    wanted = frozenset(run_id for run_id in runs.split(",") if run_id) or None
    # Who loses the connection before the first event still knows where to go on.
    greeting = b"id: %d\nretry: %d\n\n" % (position, _RETRY_MILLISECONDS)
    if not store.has_all_events_since(position):
        greeting += b"event: reset\ndata: {}\n\n"
    messages = _messages(greeting, position, wanted, looks, broadcaster, authenticator, caller)
    return EventStream(messages, headers=_HEADERS)


async def _messages(
    greeting: bytes,
    position: int,
    wanted: frozenset[str] | None,
    looks: Looks,
    broadcaster: Broadcaster,
    authenticator: Authenticator,
    caller: Identity,
) -> AsyncIterator[bytes]:
    tick = _TICK_OF_OVERVIEW if wanted is None else _TICK_OF_RUNS
    with broadcaster.subscribe(EVENTS) as subscription:
        yield greeting
        while not (broadcaster.closed or authenticator.has_revoked(caller)):
            look = await looks.after(position, wanted, commits=broadcaster.published)
            if look is not None:
                for begin in range(0, len(look.text), _PIECE_BYTES):
                    yield look.text[begin : begin + _PIECE_BYTES]
                position = look.position
                # On the beat of a common clock, so that streams ask together.
                await asyncio.sleep(tick - time.monotonic() % tick)
            elif not await subscription.wait(_ALIVE_SECONDS):
                yield _ALIVE
