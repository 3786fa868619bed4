"""SIGTERM as an exception in the main thread, so that it interrupts whatever Python is doing there."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(BaseException):
    """The process was asked to end. A BaseException: no `except Exception` of a job may swallow it."""


class StopSignal:
    """Turns SIGTERM into `Stopped`; `held()` puts it off while a record is being written."""

    def __init__(self) -> None:
        self.is_requested = False
        self._is_held = False

    def install(self) -> None:
        signal.signal(signal.SIGTERM, self._handle)

    @contextmanager
    def held(self) -> Iterator[None]:
        """No `Stopped` inside; it is raised at the end if the signal came meanwhile, or was lost before.

        Python drops what a signal handler raises inside a finalizer or a callback from C: this finds it again.
        """
        self._is_held = True
        yield
        self._is_held = False
        if self.is_requested:
            raise Stopped

    def ignore(self) -> None:
        """From now on there is nothing left to interrupt."""
        self._is_held = True

    def _handle(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 (signal's signature)
        self.is_requested = True
        if not self._is_held:
            raise Stopped
