"""Runs as they change, until the last of them has ended."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from hessianfree_lab.errors import ServerUnreachable
from hessianfree_lab.lifecycle import ENDED, State

if TYPE_CHECKING:
    from hessianfree_lab.client import Client
    from hessianfree_lab.client.events import Event
    from hessianfree_lab.records import Run

CHECK_SECONDS = 2.0


def has_ended(run: "Run") -> bool:
    """Whether nothing more will come of the run by itself."""
    return State(run.state) in ENDED


def follow(
    client: "Client", run_ids: Sequence[str], *, on_check: Callable[[], None] = lambda: None
) -> Iterator["Run"]:
    """Each run now, then each again whenever the event stream says that it changed; ends with the last end.

    A stream can be opened too late to hear of an end, or stay silent behind a proxy: after `CHECK_SECONDS` without
    an event the open runs are read anew, and `on_check` is called, which may raise. A server that restarts is
    waited for. Raises `ServerUnreachable` when it stays away, `ClientError` where it refuses.
    """
    from hessianfree_lab.records import Run

    heard: queue.SimpleQueue[Event | Exception] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(client, run_ids, heard), name="events", daemon=True).start()
    open_runs = dict.fromkeys(run_ids)
    for run in _read(client, list(open_runs)):
        if has_ended(run):
            del open_runs[run.id]
        yield run
    while open_runs:
        try:
            event = heard.get(timeout=CHECK_SECONDS)
        except queue.Empty:
            on_check()
            try:
                changed = _read(client, list(open_runs))
            except ServerUnreachable:
                changed = []  # the listener has more patience, and says when it has lost it
        else:
            if isinstance(event, Exception):
                raise event
            changed = [Run.model_validate(event.data)] if event.kind == "run" else []
        for run in changed:
            if run.id not in open_runs:
                continue
            if has_ended(run):
                del open_runs[run.id]
            yield run


def _read(client: "Client", run_ids: Sequence[str]) -> list["Run"]:
    return [client.run(run_id) for run_id in run_ids]


def _listen(client: "Client", run_ids: Sequence[str], heard: "queue.SimpleQueue[Event | Exception]") -> None:
    try:
        for event in client.events(runs=run_ids):
            heard.put(event)
    except Exception as error:  # whatever it is belongs to the thread that waits
        heard.put(error)
