"""The event stream: what was committed, as soon as it was."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic_core import to_json

from hessianfree_lab.api.dependencies import AuthenticatorDep, BroadcasterDep, IdentityDep, StoreDep
from hessianfree_lab.api.stream_limit import place_for_stream
from hessianfree_lab.store.interface import EVENTS

router = APIRouter(tags=["events"])

_PAUSE_OF_RUNS = 0.05
_PAUSE_OF_OVERVIEW = 0.3
"""Seconds between two looks at the store. What happens in between comes together, each run once."""
_RETRY_MILLISECONDS = 1000


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


@router.get("/events", response_class=EventSourceResponse, dependencies=[Depends(place_for_stream)])
async def events(
    store: StoreDep,
    broadcaster: BroadcasterDep,
    authenticator: AuthenticatorDep,
    caller: IdentityDep,
    position: Annotated[int, Depends(_position)],
    runs: Annotated[str, Query(description="Ids of the runs whose steps and logs to send.")] = "",
) -> AsyncIterator[ServerSentEvent]:
    """`run`, `removed` and `workers` of all runs; with `runs=` those of the runs named, and their `steps`, `logs`."""
    wanted = frozenset(run_id for run_id in runs.split(",") if run_id) or None
    pause = _PAUSE_OF_OVERVIEW if wanted is None else _PAUSE_OF_RUNS
    with broadcaster.subscribe(EVENTS) as subscription:
        # Who loses the connection before the first event still knows where to go on.
        yield ServerSentEvent(id=str(position), retry=_RETRY_MILLISECONDS)
        while not (broadcaster.closed or authenticator.has_revoked(caller)):
            found = await run_in_threadpool(store.events, position, runs=wanted)
            for event in found:
                data = to_json(event.data, inf_nan_mode="strings").decode()
                yield ServerSentEvent(raw_data=data, event=event.kind, id=str(event.id))
                position = event.id
            if found:
                await asyncio.sleep(pause)
            else:
                await subscription.wait()
