"""How long a person waits: for help, and for a server.

Both compute all the while, so what they take where nothing else runs is their CPU time; wall time would measure
whatever else runs now.
"""

import resource
import subprocess
import time
from pathlib import Path

import psutil

from system.launch import HESSIANFREE, launched

HELP_SECONDS = 0.5
READY_SECONDS = 2.0


def test_help_comes_at_once() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*HESSIANFREE, "--help"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < HELP_SECONDS


def test_the_server_is_ready_soon(tmp_path: Path) -> None:
    url_file = tmp_path / "url"
    arguments = ("serve", "--port", "0", "--data-dir", tmp_path / "data", "--url-file", url_file)
    with launched(*arguments, output=tmp_path / "log") as server:
        while not url_file.exists():
            assert server.process.poll() is None, server.text()
            time.sleep(0.01)
        times = psutil.Process(server.process.pid).cpu_times()
    assert url_file.read_text(encoding="utf-8").startswith("http://127.0.0.1:")
    assert times.user + times.system < READY_SECONDS
