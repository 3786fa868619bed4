"""Clients that cost little, for they share the machine with the server that they load: one process, raw sockets,
bodies encoded beforehand.
"""

import asyncio
import json
import multiprocessing
import random
import socket
import time
from collections.abc import Callable, Coroutine
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

STEPS_A_BATCH = 50
METRICS_A_STEP = 20
WARM_SECONDS = 3.0
_READ_BYTES = 1 << 18


@dataclass(kw_only=True)
class Outcome:
    """What a group of clients saw: seconds of each request by kind, and every answer that was not 200."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    since: float = 0.0  # requests before are not noted: the server's first ones are its slowest
    values: int = 0
    elapsed: float = 0.0
    faults: list[str] = field(default_factory=list)

    def took(self, kind: str, seconds: float) -> None:
        if time.monotonic() < self.since:
            return
        self.seconds.setdefault(kind, []).append(seconds)


class Connection:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader, self._writer, self._host = reader, writer, host

    @classmethod
    async def open(cls, url: str) -> "Connection":
        parts = urlsplit(url)
        assert parts.hostname is not None
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=_READ_BYTES)
        return cls(reader, writer, parts.netloc)

    async def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return int(answer[9:12]), await self._reader.readexactly(int(length or 0))  # a 204 says none

    async def stream(self, path: str) -> asyncio.StreamReader:
        """Ask for something that does not end, and read on from there."""
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())
        await self._reader.readuntil(b"\r\n\r\n")
        return self._reader

    async def ask(self, path: str) -> None:
        """For something of which nothing is read."""
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())
        await self._writer.drain()

    def stop_reading(self) -> None:
        transport = self._writer.transport
        assert isinstance(transport, asyncio.ReadTransport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        transport.pause_reading()

    def close(self) -> None:
        self._writer.close()


def batch_template(seed: int, *, steps: int = STEPS_A_BATCH, metrics: int = METRICS_A_STEP) -> bytes:
    """A batch with a hole for each step's number (`%d`, twice: in `step` and in `seconds`)."""
    source = random.Random(seed)
    parts = []
    for _ in range(steps):
        values: dict[str, Any] = {f"metric_{i}": source.gauss(0, 1) for i in range(metrics - 2)}
        values |= {"accepted": True, "cg_stop": "relative progress"}
        text = json.dumps({"wall_time": "2026-03-01T12:00:00Z", "metrics": values}, separators=(",", ":"))
        parts.append('{"step":%d,"seconds":%d,' + text[1:])
    return ('{"attempt":1,"steps":[' + ",".join(parts) + "]}").encode()


async def create_run(connection: Connection, name: str) -> str:
    status, body = await connection.request("POST", "/api/v1/runs", json.dumps({"name": name}).encode())
    assert status == 201, body
    return str(json.loads(body)["id"])


async def write(url: str, run: str, until: float, outcome: Outcome, *, period: float) -> None:
    """Batches of one run, each as soon as the one before is acknowledged, but no more than one in `period` seconds."""
    connection = await Connection.open(url)
    await asyncio.sleep(random.random() * period)
    template = batch_template(hash(run) % 1000)
    path, first = f"/api/v1/runs/{run}/records", 1
    while time.monotonic() < until:
        numbers = [number for number in range(first, first + STEPS_A_BATCH) for _ in range(2)]
        began = time.monotonic()
        status, body = await connection.request("POST", path, template % tuple(numbers))
        outcome.took("acknowledgement", time.monotonic() - began)
        if status != 200:
            outcome.faults.append(f"{status}: {body[:200]!r}")
            await asyncio.sleep(0.1)
            continue
        outcome.values += STEPS_A_BATCH * METRICS_A_STEP
        first += STEPS_A_BATCH
        await asyncio.sleep(max(0.0, began + period - time.monotonic()))
    connection.close()


async def read(url: str, runs: list[str], until: float, outcome: Outcome, *, pause: float) -> None:
    """What an open dashboard asks for when it is loaded: the table of runs, one run, a figure's series."""
    connection = await Connection.open(url)
    source = random.Random(len(outcome.seconds))
    await asyncio.sleep(source.random() * pause)
    while time.monotonic() < until:
        run = source.choice(runs)
        for kind, path in (
            ("runs table", "/api/v1/runs?limit=50"),
            ("run", f"/api/v1/runs/{run}"),
            ("series", f"/api/v1/runs/{run}/metrics?names=metric_0,metric_1&max_points=1000"),
        ):
            began = time.monotonic()
            status, body = await connection.request("GET", path)
            outcome.took(kind, time.monotonic() - began)
            if status != 200:
                outcome.faults.append(f"{status}: {body[:200]!r}")
        await asyncio.sleep(pause * (0.5 + source.random()))
    connection.close()


Work = Callable[..., Coroutine[Any, Any, Outcome]]


@contextmanager
def in_a_process(work: Work, *arguments: Any) -> Any:
    """Run `await work(*arguments)` in a process of its own; yields a function that waits for its outcome."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(work, arguments, there), daemon=True)
    process.start()
    there.close()
    try:
        yield here.recv
    finally:
        process.terminate()
        process.join()


def _run(work: Work, arguments: tuple[Any, ...], pipe: Any) -> None:
    pipe.send(asyncio.run(work(*arguments)))


async def writers(url: str, runs: list[str], until: float, period: float) -> Outcome:
    began = time.monotonic()
    outcome = Outcome(since=began + WARM_SECONDS)
    await asyncio.gather(*(write(url, run, until, outcome, period=period) for run in runs))
    outcome.elapsed = time.monotonic() - began
    return outcome


async def readers(url: str, runs: list[str], until: float, count: int, pause: float) -> Outcome:
    outcome = Outcome(since=time.monotonic() + WARM_SECONDS)
    await asyncio.gather(*(read(url, runs, until, outcome, pause=pause) for _ in range(count)))
    return outcome


async def followers(url: str, runs: list[str], followed: list[str], until: float) -> Outcome:
    """A stream for each of `followed` ("": of all runs), while every run gets a step every 100 ms."""
    outcome = Outcome()
    acknowledged: dict[tuple[str, int], float] = {}
    listening = [asyncio.create_task(_follow(url, run, acknowledged, outcome)) for run in followed]
    await asyncio.sleep(1.0)
    await asyncio.gather(*(_trickle(url, run, until, acknowledged) for run in runs))
    await asyncio.sleep(1.0)
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    return outcome


async def _trickle(url: str, run: str, until: float, acknowledged: dict[tuple[str, int], float]) -> None:
    connection = await Connection.open(url)
    template, step = batch_template(1, steps=1), 0
    await asyncio.sleep(random.random() * 0.1)
    while time.monotonic() < until:
        step += 1
        status, _ = await connection.request("POST", f"/api/v1/runs/{run}/records", template % (step, step))
        assert status == 200
        acknowledged[run, step] = time.monotonic()
        await asyncio.sleep(0.1)
    connection.close()


async def _follow(url: str, run: str, acknowledged: dict[tuple[str, int], float], outcome: Outcome) -> None:
    connection = await Connection.open(url)
    lines = await connection.stream(f"/api/v1/events?runs={run}" if run else "/api/v1/events")
    kind = ""
    seen: dict[str, int] = {}
    while line := await lines.readline():
        if line.startswith(b"event: "):
            kind = line[7:-1].decode()
        elif line.startswith(b"data: ") and kind in ("run", "steps"):
            now, data = time.monotonic(), json.loads(line[6:])
            if kind == "run" and not run:
                latest = (data["id"], data["progress"]["step"])
                if seen.get(latest[0]) == latest[1]:
                    continue
                seen[latest[0]] = latest[1]
                steps = [latest]
            else:
                steps = [(run, record["step"]) for record in data.get("steps", [])]
            for step in steps:
                # Heard before the sender read its acknowledgement: that is soon enough.
                outcome.took("commit to client", max(0.0, now - acknowledged.get(step, now)))


async def crowd(url: str, run: str, count: int, memory: Callable[[], float]) -> tuple[float, float, float]:
    """Open streams, and record a step: memory before and with them; seconds until the last one has heard."""

    async def hear(lines: asyncio.StreamReader) -> None:
        while (line := await lines.readline()) and not line.startswith(b"event: run"):
            pass

    before = memory()
    connections = [await Connection.open(url) for _ in range(count + 1)]
    sender, *listeners = connections
    streams = [await listener.stream("/api/v1/events") for listener in listeners]
    hearing = [asyncio.create_task(hear(lines)) for lines in streams]
    await asyncio.sleep(1.0)
    assert not any(task.done() for task in hearing)  # of what was before
    after = memory()
    status, _ = await sender.request(
        "POST", f"/api/v1/runs/{run}/records", batch_template(1, steps=1) % (1, 1)
    )
    assert status == 200
    began = time.monotonic()
    await asyncio.gather(*hearing)
    seconds = time.monotonic() - began
    for connection in connections:
        connection.close()
    return before, after, seconds


async def stall(url: str, run: str, count: int, memory: Callable[[], float]) -> tuple[float, float, float]:
    """Open streams and read nothing while the run is recorded: memory before, at most; seconds to the last end."""
    sender = await Connection.open(url)
    template, path = batch_template(1), f"/api/v1/runs/{run}/records"
    step, before, most = 1, memory(), 0.0
    streams = [await Connection.open(url) for _ in range(count)]
    for stream in streams:
        stream.stop_reading()
        await stream.ask(f"/api/v1/events?runs={run}")
    began = time.monotonic()
    while time.monotonic() - began < 90:
        numbers = [number for number in range(step, step + STEPS_A_BATCH) for _ in range(2)]
        await sender.request("POST", path, template % tuple(numbers))
        step, most = step + STEPS_A_BATCH, max(most, memory())
        _, text = await sender.request("GET", "/metrics")
        if b"hessianfree_event_streams 0.0" in text and time.monotonic() - began > 1:
            break
        await asyncio.sleep(0.02)
    return before, most, time.monotonic() - began
