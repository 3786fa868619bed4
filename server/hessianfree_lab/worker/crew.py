"""The processes of a job that runs on several, beside the runner, which is rank 0: a follower for each other rank."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hessianfree_lab.worker.ending import OUT_OF_MEMORY_CODE

if TYPE_CHECKING:
    from hessianfree_lab.training.ranks import Ranks

GRACE_SECONDS = 10.0
"""For the main thread to find out by itself that a rank has died, and to say how the attempt ended."""

ENDING_SECONDS = 5.0


def variables(rank: int, size: int) -> dict[str, str]:
    """What torchrun tells each of the processes that it starts on a machine."""
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size}
    return {name: str(number) for name, number in told.items()}


class Fallen(Exception):
    """Another process of the job was killed, or had no memory; `code` is its exit code, negative for the signal."""

    def __init__(self, code: int) -> None:
        super().__init__(f"rank ended with {code}")
        self.code = code


class Crew:
    """Followers as children of this process and of its process group, which ends as a whole."""

    def __init__(self, size: int, directory: Path, checkpoints: Path) -> None:
        """Starts all but rank 0 of `size`. `directory` is the attempt's, with its spec; `checkpoints` the run's."""
        self._is_over = False
        self._ranks: Ranks | None = None
        self._processes = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "hessianfree_lab.worker.follower", str(directory)),
                    *("--checkpoints", str(checkpoints)),
                    *("--rank", str(rank)),
                ],
                stdin=subprocess.PIPE,
                env=os.environ | variables(rank, size),
            )
            for rank in range(1, size)
        ]
        for process in self._processes:
            threading.Thread(target=self._watch, args=(process,), name="watch", daemon=True).start()

    def meet(self, ranks: "Ranks") -> None:
        """Tell them where rank 0 is to be found. They load torch meanwhile, as it does before it knows itself."""
        self._ranks = ranks
        for process in self._processes:
            assert process.stdin is not None
            with suppress(BrokenPipeError), process.stdin as line:
                line.write(f"{ranks.port}\n".encode())

    def fallen(self) -> int | None:
        """The exit code of a follower that was killed or had no memory, if one was; waits a little for that to show."""
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
        """All is done: let them go."""
        self._is_over = True
        if self._ranks is not None:
            self._ranks.tell("end")
        deadline = time.monotonic() + ENDING_SECONDS
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))

    def kill(self) -> None:
        """End them wherever they are."""
        self._is_over = True
        for process in self._processes:
            process.kill()

    def _watch(self, process: "subprocess.Popen[bytes]") -> None:
        process.wait()
        time.sleep(GRACE_SECONDS)
        if not self._is_over:  # in a collective that knows of no death, or before the ranks have met
            os.kill(os.getpid(), signal.SIGKILL)
