"""The processes of a job that runs on several, beside the runner, which is rank 0: a follower for each other rank."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from hessianfree_lab.training.seat import HERE, Seat, listen
from hessianfree_lab.worker.ending import OUT_OF_MEMORY_CODE

GRACE_SECONDS = 10.0
"""For the main thread to find out by itself that a rank has died, and to say how the attempt ended."""

ENDING_SECONDS = 5.0


class Fallen(Exception):
    """Another process of the job was killed, or had no memory; `code` is its exit code, negative for the signal."""

    def __init__(self, code: int) -> None:
        super().__init__(f"rank ended with {code}")
        self.code = code


class Crew:
    """Followers that somebody else starts, sees end, and ends: this process is told by `seat` where they expect it."""

    def __init__(self, seat: Seat, listening: socket.socket) -> None:
        self.seat, self.listening = seat, listening

    def fallen(self) -> int | None:
        """The exit code of a follower that was killed or had no memory, if one was and this process is to know."""
        return None

    def end(self) -> None:
        """They were told that all is done: let them go."""

    def kill(self) -> None:
        """End them wherever they are."""


class OwnCrew(Crew):
    """Followers as children of this process and of its process group, which ends as a whole."""

    def __init__(self, size: int, directory: Path, checkpoints: Path) -> None:
        """Starts all but rank 0 of `size`. `directory` is the attempt's, with its spec; `checkpoints` the run's.

        They load torch while this process does.
        """
        listening = listen(HERE, size)
        seats = [Seat.on_one_machine(rank, size, listening.getsockname()[1]) for rank in range(size)]
        super().__init__(seats[0], listening)
        self._is_over = False
        command = [sys.executable, "-m", "hessianfree_lab.worker.follower", str(directory)]
        command += ["--checkpoints", str(checkpoints)]
        self._processes = [
            subprocess.Popen(command, stdin=subprocess.DEVNULL, env=os.environ | seat.variables())
            for seat in seats[1:]
        ]
        for process in self._processes:
            threading.Thread(target=self._watch, args=(process,), name="watch", daemon=True).start()

    def fallen(self) -> int | None:
        """Waits a little for that to show."""
        deadline = time.monotonic() + ENDING_SECONDS
        while True:
            codes = [process.poll() for process in self._processes]
            fallen = [code for code in codes if code is not None and (code < 0 or code == OUT_OF_MEMORY_CODE)]
            if fallen:
                return fallen[0]
            if None not in codes or time.monotonic() > deadline:
                return None
            time.sleep(0.05)

    def end(self) -> None:
        self._is_over = True
        deadline = time.monotonic() + ENDING_SECONDS
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))

    def kill(self) -> None:
        self._is_over = True
        for process in self._processes:
            process.kill()

    def _watch(self, process: "subprocess.Popen[bytes]") -> None:
        process.wait()
        time.sleep(GRACE_SECONDS)
        if not self._is_over:  # in a collective that knows of no death, or before the ranks have met
            os.kill(os.getpid(), signal.SIGKILL)
