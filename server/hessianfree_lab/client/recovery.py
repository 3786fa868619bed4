"""Sends what processes that died, or lost their server, have left on the disk.

A spool is removed when its own server has all of it, or says that it wants no more of it. Anything else keeps it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from hessianfree_lab.client import offline
from hessianfree_lab.client.client import Client
from hessianfree_lab.client.sender import PASSING_STATUSES, Sender, is_strangers
from hessianfree_lab.client.spool import Spool, SpoolInUse
from hessianfree_lab.errors import ClientError
from hessianfree_lab.records import FinishRequest

_MENDED_BY_HAND = frozenset({401, 403})
"""Answers that pass when somebody mends a token: not while one spool after the other waits for its turn."""


class Outcome(Enum):
    """What became of a spool."""

    STORED = "stored"  # the server has it all
    GONE = "gone"  # its server wants no more of it: the run was deleted, or this attempt at it has ended
    REFUSED = "refused"  # the server cannot take it as it is
    LEFT = "left"  # no answer, or not in time: it may be sent later
    FOREIGN = "foreign"  # another server has the run
    BUSY = "busy"  # somebody records it, or sends it, just now


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What became of a spool, and why, in a sentence, where it is not stored."""

    spool: Spool
    outcome: Outcome
    reason: str = ""


def is_on_its_way(spool: Spool) -> bool:
    """Whether it is sent without being asked for: neither refused before, nor recorded offline."""
    return not (spool.is_closed or offline.waits(spool))


def recover(
    root: Path,
    client: Client,
    *,
    unfinished: Callable[[Spool], FinishRequest],
    seconds_each: float,
    seconds: float,
    takes: Callable[[Spool], bool] = is_on_its_way,
    on_gone: Callable[[Spool], None] = Spool.remove,
) -> Iterator[Delivery]:
    """Deliver every spool below `root` that nobody sends from, oldest first, and finish its attempt.

    `unfinished` says how an attempt ended whose process could not say. One spool is tried for `seconds_each`, all
    together for `seconds`, at most. `takes` says which ones. `on_gone` decides on what its server does not want.
    """
    deadline = time.monotonic() + seconds
    for found in Spool.all_below(root):
        try:
            lock = found.lock()
        except FileNotFoundError:  # just removed
            continue
        except SpoolInUse:
            yield Delivery(spool=found, outcome=Outcome.BUSY, reason="it is being recorded or sent just now")
            continue
        except OSError as error:  # another user's
            yield Delivery(spool=found, outcome=Outcome.LEFT, reason=str(error))
            continue
        with closing(lock):
            # Who held it before may have sent it, or made it a server's.
            try:
                spool = Spool.open(found.directory)
            except (OSError, ValueError):
                continue
            if not takes(spool):
                continue
            left = deadline - time.monotonic()
            if left <= 0:
                delivery = Delivery(spool=spool, outcome=Outcome.LEFT, reason="there was no time for it")
            else:
                delivery = _try(spool, client, unfinished, timeout_seconds=min(seconds_each, left))
            settle(delivery, on_gone=on_gone)
        yield delivery


def settle(delivery: Delivery, *, on_gone: Callable[[Spool], None] = Spool.remove) -> None:
    """Remove what is stored, put aside what is refused, keep the rest."""
    match delivery.outcome:
        case Outcome.STORED:
            delivery.spool.remove()
        case Outcome.GONE:
            on_gone(delivery.spool)
        case Outcome.REFUSED:
            with suppress(OSError):  # a full disk: it is tried again
                delivery.spool.close()


def deliver(sender: Sender, client: Client, ending: FinishRequest, *, timeout_seconds: float) -> Delivery:
    """Send the rest of a spool that nobody writes any more, and how its attempt ended."""
    spool = sender.spool
    if sender.drain(timeout_seconds):
        return finish(spool, client, ending)
    sender.stop()
    if isinstance(sender.error, ClientError):
        return _refusal(spool, sender.error)
    reason = f"not all of it could be sent within {timeout_seconds:.1f} s"
    return Delivery(spool=spool, outcome=Outcome.LEFT, reason=str(sender.error or reason))


def finish(spool: Spool, client: Client, ending: FinishRequest) -> Delivery:
    """Tell the server, which has all the records, how the attempt ended."""
    try:
        client.finish(spool.run, ending)
    except ClientError as error:
        # Ended already: by a request whose answer was lost, or without us.
        if not _has_ended(spool, error):
            return _refusal(spool, error)
    return Delivery(spool=spool, outcome=Outcome.STORED)


def _try(
    spool: Spool, client: Client, unfinished: Callable[[Spool], FinishRequest], *, timeout_seconds: float
) -> Delivery:
    try:
        home = client.home()
        if spool.home is not None and spool.belongs_elsewhere(home):
            reason = f"it belongs to another server, which was at {spool.home.url}"
            return Delivery(spool=spool, outcome=Outcome.FOREIGN, reason=reason)
        if offline.waits(spool):
            spool = offline.register(spool, client, home)
        ending = spool.read_finish()
        if ending is None:
            ending = unfinished(spool)
            spool.write_finish(ending)
    except ClientError as error:
        return _delay(spool, error)
    except OSError as error:  # a full disk
        return Delivery(spool=spool, outcome=Outcome.LEFT, reason=str(error))
    except ValueError as error:
        reason = f"{spool.directory / offline.SCRIPT} is damaged: {error}"
        return Delivery(spool=spool, outcome=Outcome.REFUSED, reason=reason)
    sender = Sender(spool, client, passing=PASSING_STATUSES - _MENDED_BY_HAND)
    sender.start()
    return deliver(sender, client, ending, timeout_seconds=timeout_seconds)


def _refusal(spool: Spool, error: ClientError) -> Delivery:
    """What an error says of a run that the server has, or had."""
    is_deleted = error.status == 404 and spool.home is not None and not is_strangers(spool, error)
    if is_deleted or _has_ended(spool, error):
        return Delivery(spool=spool, outcome=Outcome.GONE, reason=str(error))
    return _delay(spool, error)


def _has_ended(spool: Spool, error: ClientError) -> bool:
    """Whether a server says so that knows the run: it tells the run's state."""
    return error.status == 409 and error.state is not None and not is_strangers(spool, error)


def _delay(spool: Spool, error: ClientError) -> Delivery:
    """What an error says of a request that may or may not be repeated as it is."""
    may_pass = error.status in PASSING_STATUSES or error.status >= 500 or is_strangers(spool, error)
    return Delivery(spool=spool, outcome=Outcome.LEFT if may_pass else Outcome.REFUSED, reason=str(error))
