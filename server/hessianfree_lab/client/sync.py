"""Sends what scripts recorded: all of it when somebody asks, and what an earlier one could not when the next starts."""

import math
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from hessianfree_lab.client.client import Client
from hessianfree_lab.client.recovery import Delivery, Outcome, recover
from hessianfree_lab.client.spool import LOCK, RECORDS, Spool
from hessianfree_lab.records import FinishRequest

KILLED = FinishRequest(
    state="failed", cause="killed", error="The script was killed before it could end its record."
)
CATCH_UP_SECONDS = 5.0


def sync(root: Path, client: Client, *, timeout_seconds: float) -> Iterator[Delivery]:
    """Send every spool below `root`, each for at most `timeout_seconds`: those that were refused before, too."""
    return recover(
        root, client, unfinished=killed, seconds_each=timeout_seconds, seconds=math.inf, takes=lambda _: True
    )


def catch_up(root: Path, client: Client) -> None:
    """Send what earlier scripts could not; a warning says what stays and will not be tried again by itself."""
    staying = [
        delivery
        for delivery in recover(
            root, client, unfinished=killed, seconds_each=CATCH_UP_SECONDS, seconds=CATCH_UP_SECONDS
        )
        if delivery.outcome in (Outcome.REFUSED, Outcome.FOREIGN)
    ]
    if staying:
        first = staying[0]
        more = f", and {len(staying) - 1} more" if len(staying) > 1 else ""
        warnings.warn(
            f"what was recorded of {first.spool.name!r}{more} stays in {root}, for `hessianfree sync` to send:"
            f" {first.reason}",
            stacklevel=4,
        )


def killed(spool: Spool) -> FinishRequest:
    """How a run ended whose script was killed: when it last recorded something."""
    records = spool.directory / RECORDS
    file = (
        records if records.exists() else spool.directory / LOCK
    )  # which is made with the spool, and never written
    return KILLED.model_copy(update={"ended_at": datetime.fromtimestamp(file.stat().st_mtime, UTC)})
