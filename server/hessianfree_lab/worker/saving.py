"""The checkpoints that a job writes while it trains."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hessianfree_lab.client.spool import SpoolWriter
from hessianfree_lab.training.cadence import Cadence

if TYPE_CHECKING:
    from hessianfree_lab.training.session import Session
    from hessianfree_lab.training.state import State

SHARE = 0.1  # of the training time, at most, goes into checkpoints
DEARER_SECONDS = 3.0
"""What one that could not be written may seem to have cost: the next is tried half a minute of training later."""

LEAVE_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class _Saved:
    """How the writing of one ended: when in the training it began, what it took, and why it could not be done."""

    step: int
    at_seconds: float
    cost_seconds: float
    error: Exception | None


class Saving:
    """One after the other, as often as `SHARE` allows.

    `beside`: in a thread, while training goes on. Where checkpoints go to another machine, which may be slow or away,
    nothing waits for it. All methods are for the main thread.
    """

    def __init__(
        self,
        save: "Callable[[State], None]",
        writer: SpoolWriter,
        *,
        beside: bool,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.kept_step = 0  # of the newest that is safe
        self._save = save
        self._writer = writer
        self._beside = beside
        self._clock = clock
        self._cadence = Cadence(SHARE)
        self._thread: threading.Thread | None = None
        self._saved: _Saved | None = None
        self._has_complained = False

    def is_due(self, session: "Session") -> bool:
        """Whether it is time for one at the step that the session has reached."""
        self._look()
        at_step = session.step > 0 and session.step % session.spec.checkpoint_every == 0
        is_free = self._thread is None and session.step > self.kept_step
        return at_step and is_free and self._cadence.is_due(session.seconds)

    def begin(self, session: "Session") -> None:
        """Save the session as it is now. What cannot be is told in the run's log: training can do without."""
        began = self._clock()
        try:
            self._writer.sync()  # a checkpoint must not be ahead of the record
        except OSError as error:
            self._take(_Saved(step=session.step, at_seconds=session.seconds, cost_seconds=0.0, error=error))
            return
        state = session.state()
        if not self._beside:
            self._write(state, began)
            self._look()
            return
        self._thread = threading.Thread(target=self._write, args=[state, began], name="saving", daemon=True)
        self._thread.start()

    def finish(self, session: "Session") -> None:
        """Have the session safe as it is now, if that is possible; waits for what is under way."""
        self._wait()
        if session.step > self.kept_step:
            self.begin(session)
            self._wait()

    def leave(self) -> None:
        """Give one that is under way the time to end; not longer, for it may have none."""
        if self._thread is not None:
            self._thread.join(LEAVE_SECONDS)

    def _wait(self) -> None:
        if self._thread is not None:
            self._thread.join()
        self._look()

    def _write(self, state: "State", began: float) -> None:
        error = None
        try:
            self._save(state)
        except Exception as caught:
            error = caught
        cost = self._clock() - began
        self._saved = _Saved(step=state.step, at_seconds=state.seconds, cost_seconds=cost, error=error)

    def _look(self) -> None:
        """Whether one has been written, or could not be."""
        if self._saved is None:
            return
        saved, self._saved, self._thread = self._saved, None, None
        self._take(saved)

    def _take(self, saved: _Saved) -> None:
        match saved.error:
            case None:
                self.kept_step = saved.step
                if self._has_complained:
                    self._writer.append_note(f"The checkpoint of step {saved.step} could be written.")
                self._has_complained = False
                self._cadence.done(saved.at_seconds, cost=saved.cost_seconds)
            case OSError():  # the next one may succeed
                if not self._has_complained:
                    words = str(saved.error).rstrip(".")
                    text = f"No checkpoint could be written at step {saved.step}: {words}. Training goes on."
                    self._writer.append_note(text)
                self._has_complained = True
                self._cadence.done(saved.at_seconds, cost=min(saved.cost_seconds, DEARER_SECONDS))
            case _:
                raise saved.error
