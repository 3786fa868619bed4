"""Whole processes of the command line, started and stopped for tests."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HESSIANFREE = [sys.executable, "-m", "hessianfree_lab.cli"]
START_SECONDS = 90.0  # a busy machine may take long to import torch
STOP_SECONDS = 30.0
LOOK_SECONDS = 0.05


def clean_environment(**variables: str) -> dict[str, str]:
    """This process's environment without any HESSIANFREE_ variable, and with these; one thread for torch."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HESSIANFREE_")}
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", **variables}


def run(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    stdin: str | None = None,
    cwd: Path | None = None,
    timeout: float = 120.0,
) -> subprocess.CompletedProcess[str]:
    """`hessianfree ARGUMENTS` to its end."""
    return subprocess.run(
        [*HESSIANFREE, *map(str, arguments)],
        env=environment or clean_environment(),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@dataclass(frozen=True, kw_only=True)
class Launched:
    """A process that runs; what it prints goes to the file `output`."""

    process: subprocess.Popen[bytes]
    output: Path

    def text(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, words: str, *, seconds: float = START_SECONDS) -> str:
        """All it has printed, once that contains `words`."""
        wait_until(
            lambda: words in self.text() or self.process.poll() is not None, seconds=seconds, what=words
        )
        text = self.text()
        assert words in text, f"{self.process.args} ended with {self.process.returncode}:\n{text}"
        return text

    def wait_for_url(self, before: str = "http://") -> str:
        """The first address it prints."""
        text = self.wait_for(before)
        return text[text.index(before) :].split()[0]

    def stop(self, number: signal.Signals = signal.SIGTERM, *, seconds: float = STOP_SECONDS) -> int:
        """Send the signal; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)


@contextmanager
def launched(
    *arguments: str | Path,
    output: Path,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    within: Sequence[str] = (),
) -> Iterator[Launched]:
    """`hessianfree ARGUMENTS` while the context lasts; told to stop at its end if it still runs, then killed.

    `within`: words before the command, that take it to another place.
    """
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*within, *HESSIANFREE, *map(str, arguments)],
            env=environment or clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=cwd,
        )
    try:
        yield Launched(process=process, output=output)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Look until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} seconds: {what}"
        time.sleep(LOOK_SECONDS)
