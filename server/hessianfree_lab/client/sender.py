"""Sends a spool to the server from a thread of its own, which nobody waits for."""

import contextlib
import threading
from collections.abc import Callable, Container, Sequence
from enum import StrEnum

from hessianfree_lab.client.backoff import Backoff
from hessianfree_lab.client.client import Client
from hessianfree_lab.client.extents import MAX_BYTES, Extent, next_extent, read_extent
from hessianfree_lab.client.spool import Sent, Spool
from hessianfree_lab.errors import ClientError
from hessianfree_lab.records import IngestBatch

SMALLEST_BYTES = 1024  # a batch that is too large at this size holds one record that is
POLL_SECONDS = (
    0.02  # a record is on its way within this time, and at most this many batches a second are made
)

# Answers after which the same request may yet succeed: somebody has to mend a token, a limit or the server.
PASSING_STATUSES = frozenset({0, 401, 403, 408, 425, 429})


def is_strangers(spool: Spool, error: ClientError) -> bool:
    """Whether not the spool's own server said so, but another one at its address, or what stands before it."""
    return spool.home is not None and error.server != spool.home.id


class Progress(StrEnum):
    """Where a sender is."""

    SENDING = "sending"
    DRAINED = "drained"  # everything is stored, and nobody writes any more
    REFUSED = "refused"  # the server wants no more of this attempt
    ABANDONED = "abandoned"  # told to stop; the rest is on the disk


class Sender:
    """Follows a spool and sends what is new, in order, each batch until it is acknowledged.

    `on_commands` gets what the server wants of the run, `on_refused` the error after which nothing more is sent:
    409 (another attempt is the current one, or this one has ended), 404 (the run was deleted), or a batch the
    server cannot accept; `on_stored` each batch that it has. All are called from the sender's thread. While the
    server is away, or another one answers in its place, the spool grows, memory does not. `passing`: the answers
    below 500 that are waited out.
    """

    def __init__(
        self,
        spool: Spool,
        client: Client,
        *,
        on_commands: Callable[[Sequence[str]], None] | None = None,
        on_refused: Callable[[ClientError], None] | None = None,
        on_stored: Callable[[IngestBatch], None] | None = None,
        passing: Container[int] = PASSING_STATUSES,
    ) -> None:
        self.spool = spool
        self.progress = Progress.SENDING
        self.error: ClientError | OSError | None = None  # why what was sent last is not stored
        self._client = client
        self._on_commands = on_commands
        self._on_refused = on_refused
        self._on_stored = on_stored
        self._passing = passing
        self._sent = Sent.read(spool.directory)
        self._max_bytes = MAX_BYTES
        self._backoff = Backoff(longest_seconds=5.0)
        self._wake = threading.Event()
        self._is_final = False
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name=f"sender-{spool.run}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something new: do not wait for the next poll."""
        self._wake.set()

    def drain(self, timeout_seconds: float | None = None) -> bool:
        """Nobody writes any more: send the rest, waiting up to `timeout_seconds`. Whether all is stored."""
        self._is_final = True
        self._backoff.reset()
        self._wake.set()
        self._thread.join(timeout_seconds)
        return self.progress is Progress.DRAINED

    def stop(self) -> None:
        """Send nothing more; the spool keeps the rest. A request underway is not waited for."""
        self._is_stopped = True
        self._wake.set()

    def _run(self) -> None:
        if self._sent.underway != self._sent.done:
            self._deliver(read_extent(self.spool, self._sent.done, self._sent.underway))
        while self.progress is Progress.SENDING and not self._is_stopped:
            self._wake.clear()
            is_final = (
                self._is_final
            )  # read before the files: what was written before it was set is then seen
            extent = next_extent(self.spool, self._sent.done, max_bytes=self._max_bytes, is_final=is_final)
            if extent is not None:
                self._deliver(extent)
            elif is_final:
                self.progress = Progress.DRAINED
            else:
                self._wake.wait(POLL_SECONDS)
        if self.progress is Progress.SENDING:
            self.progress = Progress.ABANDONED

    def _deliver(self, extent: Extent) -> None:
        """Send one extent until it is stored, refused, found too large or given up."""
        self._note(Sent(done=self._sent.done, underway=extent.end))
        while not self._is_stopped:
            try:
                self.spool.sync_records()  # the server must not know of a step that a power cut can take back
                reply = self._client.send(self.spool.run, extent.batch)
            except OSError as error:
                self.error = error
                self._wait()
                continue
            except ClientError as error:
                if error.status == 413 and self._max_bytes > SMALLEST_BYTES:
                    self._max_bytes //= 2
                    return
                if error.status == 413 and extent.holds_records:
                    extent = extent.without_records()
                    continue
                self.error = error
                if error.status in self._passing or error.status >= 500 or is_strangers(self.spool, error):
                    self._wait()
                    continue
                self.progress = Progress.REFUSED
                if self._on_refused is not None:
                    self._on_refused(error)
                return
            self.error = None
            self._sent = Sent(done=extent.end, underway=extent.end)
            self._max_bytes = MAX_BYTES
            self._backoff.reset()
            if self._on_stored is not None:
                self._on_stored(extent.batch)
            if reply.commands and self._on_commands is not None:
                self._on_commands(reply.commands)
            return

    def _wait(self) -> None:
        self._wake.clear()
        self._wake.wait(self._backoff.next_seconds())

    def _note(self, sent: Sent) -> None:
        self._sent = sent
        # On a full disk training has its own worries; all that suffers here is the numbering of log lines after a
        # crash of this process.
        with contextlib.suppress(OSError):
            sent.write(self.spool.directory)
