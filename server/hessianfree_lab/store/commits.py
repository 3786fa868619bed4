"""Batches that wait for the same commit: what reaches the disk together costs one flush of it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from hessianfree_lab.errors import DatabaseUnavailable
from hessianfree_lab.records import IngestBatch, IngestReply
from hessianfree_lab.store import ingest
from hessianfree_lab.store.transaction import Transaction

_SECONDS = 0.1
"""After so long no batch is added to a transaction: whoever else has something to write waits for its end."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Waiting:
    run_id: str
    batch: IngestBatch
    reply: Future[IngestReply] = field(default_factory=Future)


class Commits:
    """Takes batches from any thread, in the order in which they come; each is answered after its commit.

    `write` opens a transaction that ends with its commit. Batches that come while another transaction is under way
    share the next one; where other servers write too, those of the runs that it could hold from its beginning. Where
    one of them fails nothing of that transaction is kept and each gets one of its own: a batch never fails because of
    its neighbours.
    """

    def __init__(self, write: Callable[[], AbstractContextManager[Transaction]]) -> None:
        self._write = write
        self._waiting: deque[_Waiting] = deque()
        self._choosing = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hessianfree-commits")

    def submit(self, run_id: str, batch: IngestBatch) -> Future[IngestReply]:
        """Have a thread of the store's own commit the batch."""
        item = self._put(run_id, batch)
        self._thread.submit(self._commit)
        return item.reply

    def append(self, run_id: str, batch: IngestBatch) -> IngestReply:
        """Commit the batch in this thread, with whatever else waits, unless another thread has just taken it."""
        item = self._put(run_id, batch)
        while self._waiting and not item.reply.done():
            self._commit()
        return item.reply.result()

    def close(self) -> None:
        """After the last submitted batch has been committed."""
        self._thread.shutdown()

    def _put(self, run_id: str, batch: IngestBatch) -> _Waiting:
        item = _Waiting(run_id=run_id, batch=batch)
        self._waiting.append(item)
        return item

    def _commit(self) -> None:
        """The next ones, if nobody else has taken them."""
        item = self._next()
        if item is None:
            return
        group, replies = [item], []
        try:
            with self._write() as tx:
                runs = {item.run_id, *(waiting.run_id for waiting in self._waiting.copy())}
                tx.hold_runs(runs)
                among = runs if tx.is_shared else None
                until = time.monotonic() + _SECONDS
                replies.append(ingest.append(tx, item.run_id, item.batch))
                while time.monotonic() < until and (another := self._next(among)):
                    group.append(another)  # from here on it is answered, whatever happens
                    replies.append(ingest.append(tx, another.run_id, another.batch))
        except DatabaseUnavailable as error:
            for item in group:
                item.reply.set_exception(error)
        except Exception:
            # Nothing of it is stored, and which of them was to blame shows when each is by itself.
            for item in group:
                self._commit_alone(item)
        else:
            for item, reply in zip(group, replies, strict=True):
                item.reply.set_result(reply)

    def _next(self, among: Collection[str] | None = None) -> _Waiting | None:
        """The one that has waited the longest, unless it is of a run that is not `among` these (None: of any)."""
        with self._choosing:
            while self._waiting and (among is None or self._waiting[0].run_id in among):
                item = self._waiting.popleft()
                if item.reply.set_running_or_notify_cancel():
                    return item
        return None

    def _commit_alone(self, item: _Waiting) -> None:
        try:
            with self._write() as tx:
                tx.hold_runs([item.run_id])
                reply = ingest.append(tx, item.run_id, item.batch)
        except Exception as error:
            item.reply.set_exception(error)
        else:
            item.reply.set_result(reply)
