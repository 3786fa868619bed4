"""A job's runner as a process of this machine."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from hessianfree_lab.client.spool import STDERR, STDOUT
from hessianfree_lab.records import Command


class LocalProcess:
    """The runner of one attempt: a process group of its own, that ends when this process does.

    The runner holds the reading end of a pipe, through which it is told what to do; when this process dies, however it
    dies, the pipe closes, and the runner dies too.
    """

    def __init__(self, directory: Path, *, checkpoints: Path, environment: Mapping[str, str]) -> None:
        """Starts it. What it prints goes into files of `directory`, so that it never waits for a reader."""
        self._lock = threading.Lock()
        self._has_ended = False
        read_by_runner, control = os.pipe()
        os.set_blocking(control, False)  # a runner that does not read must not hold up those who tell it
        self._control: int | None = control
        command = [
            sys.executable,
            "-m",
            "hessianfree_lab.worker.runner",
            str(directory),
            "--checkpoints",
            str(checkpoints),
            "--control",
            str(read_by_runner),
        ]
        try:
            with (directory / STDOUT).open("ab") as stdout, (directory / STDERR).open("ab") as stderr:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    env=dict(environment),
                    pass_fds=[read_by_runner],
                    start_new_session=True,
                )
        except BaseException:
            self._close_control()
            raise
        finally:
            os.close(read_by_runner)

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
            self._close_control()
        return code

    def tell(self, command: Command) -> None:
        """Pass a command on; lost where the runner has ended or reads no more: whoever gave it repeats it."""
        line = command.model_dump_json().encode() + b"\n"
        with self._lock, suppress(BlockingIOError, BrokenPipeError):
            # More than this could be written in part.
            if self._control is not None and len(line) <= select.PIPE_BUF:
                os.write(self._control, line)

    def terminate(self) -> None:
        """Ask the runner to end with its step."""
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

    def _close_control(self) -> None:
        if self._control is not None:
            os.close(self._control)
            self._control = None
