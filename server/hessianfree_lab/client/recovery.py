"""Sends what processes that died, or lost their server, have left on the disk."""

import contextlib
import time
from pathlib import Path

from hessianfree_lab.client.client import Client
from hessianfree_lab.client.sender import PASSING_STATUSES, Progress, Sender
from hessianfree_lab.client.spool import Spool, SpoolInUse
from hessianfree_lab.errors import ClientError
from hessianfree_lab.records import FinishRequest


def recover(root: Path, client: Client, *, unfinished: FinishRequest, timeout_seconds: float) -> list[Spool]:
    """Deliver every spool below `root` that nobody sends from, and finish its attempt; those still left over.

    `unfinished` says how an attempt ended whose process could not say. `timeout_seconds` is for all together.
    """
    left = []
    deadline = time.monotonic() + timeout_seconds
    for spool in Spool.all_below(root):
        try:
            lock = spool.lock()
        except (SpoolInUse, FileNotFoundError):  # alive, or just removed
            continue
        with contextlib.closing(lock):
            request = spool.read_finish() or unfinished.model_copy(update={"attempt": spool.attempt})
            if deliver(spool, client, request, timeout_seconds=max(deadline - time.monotonic(), 0.0)):
                spool.remove()
            else:
                left.append(spool)
    return left


def deliver(spool: Spool, client: Client, request: FinishRequest, *, timeout_seconds: float) -> bool:
    """Send a spool to its end and finish the attempt. True: the server has it, or wants no more of it."""
    sender = Sender(spool, client)
    sender.start()
    if not sender.drain(timeout_seconds):
        sender.stop()
        return sender.progress is Progress.REFUSED
    return finish(spool, client, request)


def finish(spool: Spool, client: Client, request: FinishRequest) -> bool:
    """Tell the server how the attempt ended. False: not now, try again later; the spool remembers what to say."""
    spool.write_finish(request)
    try:
        client.finish(spool.run, request)
    except ClientError as error:
        # 409 and 404: it has ended already, by a request whose answer was lost or without us.
        return not (error.status in PASSING_STATUSES or error.status >= 500)
    return True
