"""A job's runner as a process of this machine."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from hessianfree_lab.client.spool import STDERR, STDOUT


class LocalProcess:
    """The runner of one attempt: a process group of its own, that ends when this process does.

    The runner holds the reading end of a pipe; when this process dies, however it dies, the pipe closes.
    """

    def __init__(self, directory: Path, *, environment: Mapping[str, str]) -> None:
        """Starts it. What it prints goes into files of `directory`, so that it never waits for a reader."""
        self._lock = threading.Lock()
        self._has_ended = False
        watched, lifeline = os.pipe()
        self._lifeline: int | None = lifeline
        command = [
            sys.executable,
            "-m",
            "hessianfree_lab.worker.runner",
            str(directory),
            "--lifeline",
            str(watched),
        ]
        try:
            with (directory / STDOUT).open("ab") as stdout, (directory / STDERR).open("ab") as stderr:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    env=dict(environment),
                    pass_fds=[watched],
                    start_new_session=True,
                )
        except BaseException:
            self._cut_lifeline()
            raise
        finally:
            os.close(watched)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self) -> int:
        """Its exit code, negative for a signal, once it and everything it started has ended."""
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            self._kill_group()  # what it started; the dead runner, not yet collected, keeps the number taken
            code = self._process.wait()
            self._has_ended = True
        self._cut_lifeline()
        return code

    def terminate(self) -> None:
        """Ask the runner to end."""
        # Not Popen.terminate, which collects a runner that has just ended: `wait` would find no child any more.
        with self._lock, suppress(ProcessLookupError):
            if not self._has_ended:
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End the runner and everything it started, at once."""
        with self._lock:
            if not self._has_ended:
                self._kill_group()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def _cut_lifeline(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
