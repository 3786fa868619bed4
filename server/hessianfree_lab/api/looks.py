"""Looks at the store that many event streams take at one moment are one look."""

import asyncio
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool
from pydantic_core import to_json

from hessianfree_lab.store.interface import Event, Store

_Question = tuple[int, int, frozenset[str] | None]


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was found, as it is sent, and the event after which to look next."""

    text: bytes
    position: int


class Looks:
    """Answers streams of one event loop. Streams that stand at one place and ask at one time share the answer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._underway: dict[_Question, asyncio.Task[Look | None]] = {}

    async def after(self, position: int, runs: frozenset[str] | None, *, commits: int) -> Look | None:
        """What came after `position`; None: nothing.

        `commits`: how many the caller has heard of. A look that is under way may have missed the latest.
        """
        question = (commits, position, runs)
        task = self._underway.get(question)
        if task is None:
            task = asyncio.create_task(self._look(position, runs))
            self._underway[question] = task
            task.add_done_callback(lambda _: self._underway.pop(question))
        return await asyncio.shield(task)  # who leaves does not take it from the others

    async def _look(self, position: int, runs: frozenset[str] | None) -> Look | None:
        return await run_in_threadpool(self._read, position, runs)

    def _read(self, position: int, runs: frozenset[str] | None) -> Look | None:
        found = self._store.events(position, runs=runs)
        return Look(text=b"".join(map(encode, found)), position=found[-1].id) if found else None


def encode(event: Event) -> bytes:
    """As the event stream's format has it; JSON has no line breaks."""
    return b"event: %s\ndata: %s\nid: %d\n\n" % (
        event.kind.encode(),
        to_json(event.data, inf_nan_mode="strings"),
        event.id,
    )
