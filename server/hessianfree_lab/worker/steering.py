"""How a job is steered while it trains: what reaches its process, and where the main thread gives way to it.

The agent holds the writing end of a pipe. A line in it is a `Command`: `cancel`, `pause`, `resume`, `set`; its end
means that the agent is dead, and so must be the job. A thread reads it and raises SIGUSR1, whose handler runs in the
main thread between two instructions of Python, within a CG iteration too. SIGTERM asks for an end at the next step.
"""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from hessianfree_lab.client.spool import SpoolWriter
from hessianfree_lab.records import Applied, Command

LOOK_SECONDS = 0.05  # while it stands still


class Stopped(BaseException):
    """The job is to end at once. A BaseException: no `except Exception` of a job may swallow it."""


class Steering:
    """What is asked of this job.

    `step` is the last step that was recorded. A pause holds the main thread wherever it is; other threads live on.
    """

    def __init__(self, writer: SpoolWriter, *, discount: Callable[[float], None] = lambda _: None) -> None:
        """Acknowledgements go to `writer`; `discount` is told how long each pause was, in seconds."""
        self.step = 0
        self.is_interrupted = False
        self.discount = discount
        self._writer = writer
        self._is_cancelled = False
        self._is_held = False
        self._is_attending = False
        self._inbox: deque[Command] = deque()
        self._settings: deque[Command] = deque()
        self._seen: set[int] = set()  # what is asked is repeated until the server knows that it is done

    def install(self) -> None:
        """Hear the signals; in the main thread."""
        signal.signal(signal.SIGTERM, self._interrupt)
        signal.signal(signal.SIGUSR1, self._wake)

    def listen(self, pipe: int) -> None:
        """Obey what comes from the pipe, until it ends: then die, with everything this process has started."""
        main = threading.main_thread().ident
        assert main is not None

        def read() -> None:
            with suppress(OSError), os.fdopen(pipe, "rb") as lines:
                for line in lines:
                    self.ask(Command.model_validate_json(line))
                    signal.pthread_kill(main, signal.SIGUSR1)
            os.killpg(os.getpgrp(), signal.SIGKILL)

        threading.Thread(target=read, name="steering", daemon=True).start()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing interrupts what is inside; what was asked meanwhile is done at the end.

        So is what was lost before: Python drops what a signal handler raises inside a finalizer or a callback from C.
        """
        self._is_held = True
        yield
        self._is_held = False
        self._attend()

    def ignore(self) -> None:
        """From now on there is nothing left to steer."""
        self._is_held = True

    def ask(self, command: Command) -> None:
        """Ask for something of the job, unless that was asked before; to be done at the next occasion."""
        if command.kind == "cancel":
            self._is_cancelled = True
        elif command.number is not None and command.number not in self._seen:
            self._seen.add(command.number)
            self._inbox.append(command)

    def settings(self) -> Iterator[Command]:
        """The `set`s that were asked for, each once; whoever takes one acknowledges it."""
        while self._settings:
            yield self._settings.popleft()

    def acknowledge(self, command: Command, *, error: str | None = None) -> None:
        """It took effect after the last step, or could not. Main thread only, inside `held`."""
        assert command.number is not None
        self._writer.append(Applied(number=command.number, step=self.step, error=error))

    def _interrupt(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 (signal's signature)
        self.is_interrupted = True

    def _wake(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if not self._is_held:
            self._attend()

    def _attend(self) -> None:
        """Do what was asked. Returns when the job may go on; raises `Stopped` when it is to end."""
        if self._is_attending:  # a signal within a pause: the loop below looks by itself
            return
        self._is_attending = True
        paused_at: float | None = None
        try:
            while not self._is_cancelled and (self._inbox or self._stands_still(paused_at)):
                if not self._inbox:
                    time.sleep(LOOK_SECONDS)
                    continue
                command = self._inbox.popleft()
                if command.kind == "set":
                    self._settings.append(command)
                    continue
                if command.kind == "pause" and paused_at is None:
                    paused_at = time.perf_counter()
                elif command.kind == "resume" and paused_at is not None:
                    self.discount(time.perf_counter() - paused_at)
                    paused_at = None
                self.acknowledge(command)
            if paused_at is not None:
                self.discount(time.perf_counter() - paused_at)
        finally:
            self._is_attending = False
        if self._is_cancelled:
            raise Stopped

    def _stands_still(self, paused_at: float | None) -> bool:
        """Whoever is interrupted goes on to the end of the step, where it keeps what it has reached."""
        return paused_at is not None and not self.is_interrupted
