"""How long it takes until everything is well again, or at an end, with the default settings.

    python benchmarks/recovery.py [--rounds 3] [--write docs/recovery.md]

Real processes, killed and stopped; every figure is in seconds by the clock on the wall, beside the limit that
docs/reliability.md promises. A loaded machine shows in the figures: torch alone takes seconds to load.
"""

import argparse
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import torch

from hessianfree_lab.client import Client

COMMAND = [sys.executable, "-m", "hessianfree_lab.cli"]
JOB: dict[str, Any] = {
    "problem": "digits-classifier",
    "problem_params": {"batch_size": 200},
    "optimizer": "hessianfree",
    "budget": {"steps": 1_000_000},
    "device": "cpu",
}
LONG_SOLVE: dict[str, Any] = JOB | {
    "problem": "digits-autoencoder",
    "problem_params": {"hidden_size": 1500, "code_size": 300},
    "optimizer_params": {"cg_max_iter": 100_000, "damping": 1e-8, "adapt_damping": False},
}
STREAMS = 50

Timings = dict[str, list[float]]
LIMITS = {
    "worker killed: its run is queued again": 30,
    "worker killed: another worker trains it again": 60,
    "worker told to stop: it has left, its run is queued": 30,
    f"server told to stop, {STREAMS} event streams open: it has ended": 5,
    "cancel a queued job": 2,
    "cancel a job between steps": 2,
    "cancel a job in the midst of CG": 2,
    "pause a job in the midst of CG": 2,
    "resume it": 2,
}


@contextmanager
def process(*arguments: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`hessianfree ARGUMENTS`, ended at the end."""
    with log.open("ab") as file:
        started = subprocess.Popen([*COMMAND, *arguments], stdout=file, stderr=file, stdin=subprocess.DEVNULL)
    try:
        yield started
    finally:
        with suppress(ProcessLookupError):
            started.terminate()
        started.wait(60)


@contextmanager
def lab(folder: Path) -> Iterator[tuple[Client, subprocess.Popen[bytes], Callable[[str], Any]]]:
    """A server; a client of it; and what starts another worker, as a context."""
    where = folder / "url"
    with process(
        "serve",
        "--port",
        "0",
        "--url-file",
        str(where),
        "--data-dir",
        str(folder / "data"),
        log=folder / "log",
    ) as server:
        seconds_until(where.exists)
        url = where.read_text().strip()

        def worker(name: str) -> Any:
            return process(
                "work",
                "--server",
                url,
                "--data-dir",
                str(folder / "work"),
                "--name",
                name,
                log=folder / "log",
            )

        with Client(url) as client:
            yield client, server, worker


def seconds_until(condition: Callable[[], bool], limit: float = 180.0) -> float:
    started = time.perf_counter()
    while not condition():
        if time.perf_counter() - started > limit:
            raise SystemExit(f"not within {limit:.0f} s")
        time.sleep(0.01)
    return time.perf_counter() - started


def is_training(client: Client, run: str, attempt: int = 1) -> Callable[[], bool]:
    """Whether the attempt has recorded a step, or is in the midst of its first."""

    def look() -> bool:
        found = client.run(run)
        return found.attempt >= attempt and found.state == "running" and bool(found.environment)

    return look


def has(client: Client, run: str, state: str) -> Callable[[], bool]:
    return lambda: client.run(run).state == state


def killed_worker(folder: Path, found: Timings) -> None:
    with ExitStack() as stack:
        client, _, worker = stack.enter_context(lab(folder))
        first = stack.enter_context(worker("first"))
        seconds_until(lambda: bool(client.workers()))
        run = client.submit(JOB).id
        seconds_until(lambda: client.run(run).progress.step >= 30)
        stack.enter_context(worker("second"))
        seconds_until(lambda: len(client.workers()) == 2)
        first.send_signal(signal.SIGKILL)
        queued = seconds_until(lambda: client.run(run).state == "queued" or client.run(run).attempt == 2)
        step = client.run(run).progress.step
        again = seconds_until(lambda: client.run(run).attempt == 2 and client.run(run).progress.step > step)
        found["worker killed: its run is queued again"].append(queued)
        found["worker killed: another worker trains it again"].append(queued + again)
        client.cancel(run)


def told_to_stop(folder: Path, found: Timings) -> None:
    with ExitStack() as stack:
        client, server, worker = stack.enter_context(lab(folder))
        with worker("one") as one:
            seconds_until(lambda: bool(client.workers()))
            run = client.submit(JOB).id
            seconds_until(lambda: client.run(run).progress.step >= 30)
            one.terminate()
            left = seconds_until(lambda: one.poll() is not None)
        if client.run(run).state != "queued":
            raise SystemExit(f"the run is {client.run(run).state}")
        found["worker told to stop: it has left, its run is queued"].append(left)
        streams = [threading.Thread(target=_read, args=[client.url], daemon=True) for _ in range(STREAMS)]
        for stream in streams:
            stream.start()
        seconds_until(lambda: _open_streams(client.url) >= STREAMS)
        server.terminate()
        name = f"server told to stop, {STREAMS} event streams open: it has ended"
        found[name].append(seconds_until(lambda: server.poll() is not None))


def commands(folder: Path, found: Timings) -> None:
    with ExitStack() as stack:
        client, _, worker = stack.enter_context(lab(folder))
        stack.enter_context(worker("one"))
        seconds_until(lambda: bool(client.workers()))
        quick = client.submit(JOB).id
        seconds_until(lambda: client.run(quick).progress.step >= 5)
        waiting = client.submit(JOB).id
        for name, run in (("a queued job", waiting), ("a job between steps", quick)):
            found[f"cancel {name}"].append(
                _timed(lambda run=run: client.cancel(run), has(client, run, "cancelled"))
            )
        long = client.submit(LONG_SOLVE).id
        seconds_until(is_training(client, long))
        time.sleep(3)  # by now it is in its solve
        for name, verb, state in (
            ("pause a job in the midst of CG", "pause", "paused"),
            ("resume it", "resume", "running"),
            ("cancel a job in the midst of CG", "cancel", "cancelled"),
        ):
            found[name].append(
                _timed(lambda verb=verb: client.post(f"/jobs/{long}/{verb}"), has(client, long, state))
            )


def _timed(ask: Callable[[], object], condition: Callable[[], bool]) -> float:
    started = time.perf_counter()
    ask()
    seconds_until(condition)
    return time.perf_counter() - started


def _read(url: str) -> None:
    with suppress(httpx.HTTPError), httpx.stream("GET", f"{url}/api/v1/events", timeout=None) as answer:
        for _ in answer.iter_bytes():
            pass


def _open_streams(url: str) -> int:
    """From the server's own metrics."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    values = [line.split()[-1] for line in lines if line.startswith("hessianfree_event_streams")]
    return int(float(values[0])) if values else 0


def page(found: Timings) -> str:
    lines = [f"| {name} | {_spread(found[name])} | {limit} |" for name, limit in LIMITS.items()]
    return "\n".join(
        [
            "# How long recovery takes",
            "",
            f"Made by `python benchmarks/recovery.py` on {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} CPU cores, "
            f"{platform.system()}, Python {platform.python_version()}, torch {torch.__version__}; default settings "
            "(heartbeat 5 s, lease 20 s). Seconds by the clock on the wall: median (least .. most) of "
            f"{len(next(iter(found.values())))} rounds. What each promise means: [reliability.md](reliability.md).",
            "",
            "| | seconds | limit |",
            "|---|---|---|",
            *lines,
            "",
        ]
    )


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} .. {max(values):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description="Time recoveries and ends.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="write the table as Markdown")
    arguments = parser.parse_args()
    found: Timings = {name: [] for name in LIMITS}
    for _ in range(arguments.rounds):
        for scene in (killed_worker, told_to_stop, commands):
            with tempfile.TemporaryDirectory() as name:
                scene(Path(name), found)
    for name, limit in LIMITS.items():
        print(f"{name:66s} {_spread(found[name]):24s} limit {limit}")
    if arguments.write:
        arguments.write.write_text(page(found))


if __name__ == "__main__":
    main()
