"""How long a person waits: for help, and for a server."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from system.launch import HESSIANFREE, launched

HELP_SECONDS = 0.5
READY_SECONDS = 2.0
ATTEMPTS = 8


def first_below(limit: float, measure: Callable[[], float]) -> list[float]:
    """Measurements in seconds until one is below the limit: what is asked for is what holds where nothing else runs."""
    seconds: list[float] = []
    while len(seconds) < ATTEMPTS and not (seconds and seconds[-1] < limit):
        seconds.append(measure())
    return seconds


def test_help_comes_at_once() -> None:
    def help_seconds() -> float:
        started = time.perf_counter()
        subprocess.run([*HESSIANFREE, "--help"], check=True, capture_output=True)
        return time.perf_counter() - started

    seconds = first_below(HELP_SECONDS, help_seconds)
    assert min(seconds) < HELP_SECONDS, seconds


def test_the_server_is_ready_soon(tmp_path: Path) -> None:
    url_file = tmp_path / "url"

    def start_seconds() -> float:
        url_file.unlink(missing_ok=True)
        arguments = ("serve", "--port", "0", "--data-dir", tmp_path / "data", "--url-file", url_file)
        started = time.perf_counter()
        with launched(*arguments, output=tmp_path / "log") as server:
            while not url_file.exists():
                assert server.process.poll() is None, server.text()
                time.sleep(0.01)
            return time.perf_counter() - started

    seconds = first_below(READY_SECONDS, start_seconds)
    assert min(seconds) < READY_SECONDS, seconds
    assert url_file.read_text(encoding="utf-8").startswith("http://127.0.0.1:")
