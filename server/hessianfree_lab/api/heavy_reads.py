"""Reads that may take seconds: a few at a time, so that heartbeats, claims and records always find a thread."""

from collections.abc import AsyncIterator

from fastapi import Depends

AT_A_TIME = 4
"""Far fewer than the threads there are; more would only take Python's lock from each other."""


async def _turn() -> AsyncIterator[None]:
    yield


HEAVY = Depends(_turn, scope="function", max_concurrency=AT_A_TIME)
"""Among the `dependencies` of a route: it waits for its turn without a thread, and gives it up before it is sent."""
