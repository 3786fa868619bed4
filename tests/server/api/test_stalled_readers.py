"""Many streams, readers that stop reading, and a server that is told to stop in the midst of them."""

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from server.api.live import streaming
from server.makers import steps

RUNS = "/api/v1/runs"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with running(Settings(data_dir=tmp_path, port=0, stalled_seconds=0.5)) as url:
        yield url


def _open_stream(url: str, query: str = "") -> socket.socket:
    """A stream of which nothing is read, with little room on its way."""
    parts = urlsplit(url)
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stream.connect((parts.hostname, parts.port))
    stream.sendall(f"GET /api/v1/events{query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    assert stream.recv(1)
    return stream


def _streams(http: httpx.Client) -> int:
    text = http.get("/metrics").text
    return int(float(text.partition("\nhessianfree_event_streams ")[2].partition("\n")[0]))


def _read_to_the_end(stream: socket.socket) -> None:
    """What the kernel had taken over already comes, and then no more."""
    stream.settimeout(30)
    with suppress(ConnectionError):
        while stream.recv(1 << 16):
            pass


def _until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_reader_that_stops_reading_is_cut_off_and_the_others_are_not(url: str) -> None:
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as http, ExitStack() as stack:
        run = http.post(RUNS, json={"name": "mine"}).json()["id"]
        reading = stack.enter_context(streaming(url, params={"runs": run}))
        idle = stack.enter_context(streaming(url, params={"runs": "another"}))
        stalled = stack.enter_context(_open_stream(url, f"?runs={run}"))
        assert _streams(http) == 3
        last = 0
        while _streams(http) == 3:  # until what waits for it fills every buffer
            assert last < 100_000, "nobody noticed"
            sent = steps(last + 1, last + 500, **{f"metric_{i}": 0.1 for i in range(18)})
            last += 500
            assert http.post(f"{RUNS}/{run}/records", content=sent.model_dump_json()).status_code == 200
        reading.wait_for(lambda s: s.of("steps") and s.of("steps")[-1]["steps"][-1]["step"] == last, 30)
        assert not reading.ended.is_set()
        assert not idle.ended.is_set()
        assert _streams(http) == 2
        _read_to_the_end(stalled)


def test_readers_who_come_back_too_late_are_told(tmp_path: Path) -> None:
    with (
        running(Settings(data_dir=tmp_path, port=0)) as url,
        httpx.Client(base_url=url, trust_env=False) as http,
    ):
        run = http.post(RUNS, json={"name": "mine"}).json()["id"]
        with sqlite3.connect(tmp_path / "hessianfree.sqlite") as other:
            # A month has passed.
            other.execute("INSERT INTO events (id, kind) VALUES (200000, 'workers')")
        for after, is_late in ((0, True), (99_999, True), (100_000, False), (199_999, False)):
            with streaming(url, params={"after": after}) as stream:
                stream.wait_for(lambda s: s.of("workers"))
                assert ("reset" in stream.kinds()) == is_late
                assert [data["id"] for data in stream.of("run")] == ([run] if after == 0 else [])


def test_a_server_with_fifty_streams_stops_within_five_seconds(tmp_path: Path) -> None:
    where = tmp_path / "url"
    options = ["--port", "0", "--url-file", str(where), "--data-dir", str(tmp_path / "data")]
    server = subprocess.Popen(
        [sys.executable, "-m", "hessianfree_lab.cli", "serve", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _until(lambda: where.exists() or server.poll() is not None, 60)
        url = where.read_text().strip()
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as http, ExitStack() as stack:
            run = http.post(RUNS, json={"name": "mine"}).json()["id"]
            for number in range(50):
                stack.enter_context(_open_stream(url, f"?runs={run}" if number % 2 else ""))
            assert _streams(http) == 50
            for first in range(1, 20_000, 1000):  # half of them do not read what they are sent
                sent = steps(first, first + 999, **{f"metric_{i}": 0.1 for i in range(18)})
                http.post(f"{RUNS}/{run}/records", content=sent.model_dump_json())
            began = time.monotonic()
            server.send_signal(signal.SIGTERM)
            output, _ = server.communicate(timeout=60)
        assert time.monotonic() - began < 5
        assert (server.returncode, "Traceback" in output) == (0, False), output
    finally:
        server.kill()
        server.wait()
