"""Server and worker as two child processes that live and die together.

The parent imports neither FastAPI nor torch. The children run in sessions of their own, so that a Ctrl-C at the
terminal reaches the parent alone, and it can stop them in the right order: the worker first, while there still is a
server to hear that its jobs are interrupted. Each child holds the reading end of a pipe from the parent as its
standard input: should the parent be killed, the pipe closes, and the children stop by themselves.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from hessianfree_lab.errors import LabError

START_SECONDS = 60.0  # a cold disk may take its time; a healthy start takes two
STOP_SECONDS = 32.0  # what a worker may need for the end of a step, a checkpoint, and its report
LOOK_SECONDS = 0.1


class ChildEnded(LabError):
    """A child ended that should have lived on."""


class Children:
    """A server and one worker that speaks to it; stopped when the context is left, whatever the reason.

    `url` is the server's address once the context has been entered.
    """

    def __init__(
        self, *, environment: Mapping[str, str], work_flags: Sequence[str] = (), is_quiet: bool = False
    ) -> None:
        """`is_quiet`: what the children print is dropped; errors are shown all the same."""
        self.url = ""
        self._environment = {**os.environ, **environment}
        self._work_flags = work_flags
        self._stdout = subprocess.DEVNULL if is_quiet else None
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        try:
            with tempfile.TemporaryDirectory(prefix="hessianfree-") as folder:
                url_file = Path(folder) / "url"
                self._start("server", ["serve", "--url-file", str(url_file)])
                self.url = self._wait_for(url_file)
            self._start("worker", ["work", "--server", self.url, *self._work_flags])
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def check(self) -> None:
        """Raise `ChildEnded` if server or worker is gone."""
        for name, child in self._running.items():
            code = child.poll()
            if code is not None:
                how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
                raise ChildEnded(f"The {name} {how}; everything was stopped.")

    def wait_for_interrupt(self) -> None:
        """Return at Ctrl-C or SIGTERM; raise `ChildEnded` if server or worker ends before."""
        try:
            while True:
                self.check()
                time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            print("Stopping.", flush=True)

    def stop(self) -> None:
        """End the worker, then the server; one that does not end in time is killed."""
        while self._running:
            _, child = self._running.popitem()  # last started, first stopped
            try:
                child.terminate()
                child.wait(STOP_SECONDS)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):  # the second Ctrl-C asks for haste
                child.kill()
                child.wait()
            finally:
                if child.stdin:
                    child.stdin.close()

    def _start(self, name: str, arguments: Sequence[str]) -> None:
        self._running[name] = subprocess.Popen(
            [sys.executable, "-m", "hessianfree_lab.cli", *arguments, "--until-stdin-closes"],
            stdin=subprocess.PIPE,
            stdout=self._stdout,
            env=self._environment,
            start_new_session=True,
        )

    def _wait_for(self, url_file: Path) -> str:
        deadline = time.monotonic() + START_SECONDS
        while not url_file.exists():
            self.check()
            if time.monotonic() > deadline:
                raise LabError(f"The server did not answer within {START_SECONDS:.0f} seconds.")
            time.sleep(LOOK_SECONDS)
        return url_file.read_text(encoding="utf-8").strip()
