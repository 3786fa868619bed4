"""Attempts at runs: claimed, recorded, ended."""

from concurrent.futures import Future
from datetime import datetime
from typing import Protocol

from hessianfree_lab.records import (
    Assignment,
    AttemptInfo,
    FinishRequest,
    HeldRun,
    IngestBatch,
    IngestReply,
    Offer,
    Run,
)


class Attempts(Protocol):
    """The attempts at runs, and what they store."""

    def attempts(self, run_id: str) -> list[AttemptInfo]:
        """The attempts at the run, in order."""
        ...

    def claim_job(self, worker_id: str, offer: Offer | None = None) -> Assignment | None:
        """Start the next attempt of the first queued job that fits the worker, by priority, then age.

        A job fits when the worker announced its problem and its optimizer and has room on the cuda devices it asks for:
        those of its `offer`, or all that it announced. One for several, which would never find them free at once, holds
        back those behind it that take one there. No two claims get the same attempt. It is told the run's `set`
        controls, and up to which step all are stored.
        """
        ...

    def append(self, run_id: str, batch: IngestBatch) -> IngestReply:
        """Store a batch; sending it twice, or in parts and in any order, leaves the same record.

        `StaleAttempt` when its attempt is not the current one or has ended. The first step that a newer attempt
        sends drops what older attempts recorded from that step on. `applied` notes controls as done, once: `pause`
        and `resume` take the run to `paused` and back, a budget's steps become the run's.
        """
        ...

    def submit(self, run_id: str, batch: IngestBatch) -> Future[IngestReply]:
        """As `append`, without waiting: the reply, or the error, comes after the commit.

        Batches that wait at the same time are committed together; one that fails does not fail the others.
        """
        ...

    def finish(self, run_id: str, request: FinishRequest) -> Run:
        """End the current attempt; the run's next state is `lifecycle.after_attempt`'s. Fenced like `append`."""
        ...

    def reap(self, heard_before: datetime) -> list[HeldRun]:
        """End as `lost` every leased attempt last heard of before that moment; those that it ended."""
        ...
