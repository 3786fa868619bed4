"""Sends what processes that died, or lost their server, have left on the disk."""

import contextlib
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from hessianfree_lab.client.client import Client
from hessianfree_lab.client.sender import PASSING_STATUSES, Progress, Sender
from hessianfree_lab.client.spool import Spool, SpoolInUse
from hessianfree_lab.errors import ClientError
from hessianfree_lab.records import FinishRequest


class Delivery(Enum):
    """What became of a spool."""

    STORED = "stored"  # the server has it all
    REFUSED = "refused"  # it wants no more of it: another attempt is the current one, or the run is gone
    LEFT = "left"  # it did not answer in time


def recover(
    root: Path,
    client: Client,
    *,
    unfinished: FinishRequest,
    timeout_seconds: float,
    on_refused: Callable[[Spool], None] = Spool.remove,
) -> list[Spool]:
    """Deliver every spool below `root` that nobody sends from, and finish its attempt; those still left over.

    `unfinished` says how an attempt ended whose process could not say. `timeout_seconds` is for all together.
    `on_refused` decides on what the server does not want.
    """
    left = []
    deadline = time.monotonic() + timeout_seconds
    for spool in Spool.all_below(root):
        try:
            lock = spool.lock()
        except (SpoolInUse, FileNotFoundError):  # alive, or just removed
            continue
        if spool.is_closed:
            lock.close()
            continue
        with contextlib.closing(lock):
            request = spool.read_finish() or unfinished.model_copy(update={"attempt": spool.attempt})
            match deliver(spool, client, request, timeout_seconds=max(deadline - time.monotonic(), 0.0)):
                case Delivery.STORED:
                    spool.remove()
                case Delivery.REFUSED:
                    on_refused(spool)
                case Delivery.LEFT:
                    left.append(spool)
    return left


def deliver(spool: Spool, client: Client, request: FinishRequest, *, timeout_seconds: float) -> Delivery:
    """Send a spool to its end and finish the attempt."""
    sender = Sender(spool, client)
    sender.start()
    if not sender.drain(timeout_seconds):
        sender.stop()
        return Delivery.REFUSED if sender.progress is Progress.REFUSED else Delivery.LEFT
    return Delivery.STORED if finish(spool, client, request) else Delivery.LEFT


def finish(spool: Spool, client: Client, request: FinishRequest) -> bool:
    """Tell the server how the attempt ended. False: not now, try again later; the spool remembers what to say."""
    spool.write_finish(request)
    try:
        client.finish(spool.run, request)
    except ClientError as error:
        # 409 and 404: it has ended already, by a request whose answer was lost or without us.
        return not (error.status in PASSING_STATUSES or error.status >= 500)
    return True
