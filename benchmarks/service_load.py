"""What the service bears: writers and readers at once, event streams, and a database that has grown for a day.

    python benchmarks/service_load.py [--seconds 60] [--rows 10000000] [--only NAME] [--write docs/load.md]

The server is a process of its own on SQLite, with its defaults. Clients share its machine: they are two processes of
raw sockets with bodies encoded beforehand. A writer sends its run's next batch when the last one is acknowledged.
"""

import argparse
import asyncio
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import load_clients as clients
import psutil
from machine import processor

from hessianfree_lab.records import IngestBatch, ScriptRun
from hessianfree_lab.store import open_store

WRITERS, READERS, STREAMS, CROWD = 32, 20, 100, 1_000
PERIOD_SECONDS = 0.6
"""Of a writer's batches where their pace is given: 53,000 values a second together."""
PAUSE_SECONDS = 1.0
"""Between two looks of a reader, on average."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure; `met` None: there is no target."""

    scene: str
    measured: str
    value: str
    target: str = ""
    met: bool | None = None

    def cells(self) -> list[str]:
        return [
            self.scene,
            self.measured,
            self.value,
            self.target,
            {None: "", True: "yes", False: "no"}[self.met],
        ]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What was found under one kind of load."""

    name: str
    rows: list[Row] = field(default_factory=list)

    def add(self, measured: str, value: str, target: str = "", *, met: bool | None = None) -> None:
        self.rows.append(Row(scene=self.name, measured=measured, value=value, target=target, met=met))


@dataclass(frozen=True, kw_only=True)
class Server:
    url: str
    process: psutil.Process
    data: Path

    def cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def resident_mb(self) -> float:
        return float(self.process.memory_info().rss) / 2**20


@contextmanager
def server(data: Path, **variables: str) -> Iterator[Server]:
    """`variables` of its environment, beside those of this process."""
    where = data / "url"
    where.unlink(missing_ok=True)  # of a server before
    command = [sys.executable, "-m", "hessianfree_lab.cli", "serve", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--url-file", str(where), "--data-dir", str(data)],
        stdout=subprocess.DEVNULL,
        env=os.environ | variables,
    )
    try:
        while not where.exists():
            if process.poll() is not None:
                raise SystemExit("the server did not start")
            time.sleep(0.01)
        yield Server(url=where.read_text().strip(), process=psutil.Process(process.pid), data=data)
    finally:
        process.terminate()
        process.wait()


def percentile(seconds: list[float], share: float) -> float:
    """In milliseconds."""
    return 1000 * (
        statistics.quantiles(seconds, n=100)[round(100 * share) - 1] if seconds[1:] else seconds[0]
    )


async def _create_runs(url: str, count: int) -> list[str]:
    connection = await clients.Connection.open(url)
    runs = [await clients.create_run(connection, f"run {number}") for number in range(count)]
    connection.close()
    return runs


def writers_and_readers(data: Path, seconds: float, period: float) -> list[Row]:
    """As fast as every acknowledgement and the period of a writer's batches allow, with dashboards open."""
    with server(data) as lab:
        runs = asyncio.run(_create_runs(lab.url, WRITERS))
        until = time.monotonic() + seconds + 2.0  # two processes start in between
        began = lab.cpu_seconds()
        with (
            clients.in_a_process(clients.writers, lab.url, runs, until, period) as written,
            clients.in_a_process(clients.readers, lab.url, runs, until, READERS, PAUSE_SECONDS) as read,
        ):
            writing, reading = written(), read()
        cpu = lab.cpu_seconds() - began
        log = (lab.data / "hessianfree.sqlite-wal").stat().st_size / 2**20
        memory = lab.resident_mb()
    rate = writing.values / writing.elapsed
    acknowledged = writing.seconds["acknowledgement"]
    faults = writing.faults + reading.faults
    slow = percentile(acknowledged, 0.99)
    pace = f"a batch every {period} s" if period else "as fast as they can"
    rows = Scene(name=f"{WRITERS} writers, {pace}; {READERS} readers; {seconds:.0f} s")
    rows.add("metric values a second", f"{rate:,.0f}", ">= 45,000", met=rate >= 45_000)
    rows.add("acknowledgement, median", f"{percentile(acknowledged, 0.5):.0f} ms")
    rows.add("acknowledgement, p99", f"{slow:.0f} ms", "< 500 ms", met=slow < 500)
    rows.add("answers that were no 200", f"{len(faults)} {faults[:1] or ''}", "0", met=not faults)
    for kind, found in reading.seconds.items():
        shown = f"{percentile(found, 0.5):.0f}, {percentile(found, 0.99):.0f} ms"
        rows.add(f"{kind}, median and p99", shown)
    rows.add("server's CPU, of one core", f"{100 * cpu / writing.elapsed:.0f} %")
    rows.add("server's memory, write-ahead log", f"{memory:.0f}, {log:.0f} MB")
    return rows.rows


def streams(data: Path, seconds: float) -> list[Row]:
    """Every stream follows one of ten runs that get a step every 100 ms; half of them follow the overview."""
    with server(data) as lab:
        runs = asyncio.run(_create_runs(lab.url, 10))
        followed = [runs[number % 10] if number % 2 else "" for number in range(STREAMS)]
        until = time.monotonic() + seconds + 2.0
        with clients.in_a_process(clients.followers, lab.url, runs, followed, until) as heard:
            outcome = heard()
    delays = outcome.seconds["commit to client"]
    slow = percentile(delays, 0.95)
    rows = Scene(name=f"{STREAMS} event streams, {seconds:.0f} s")
    rows.add("commit to client, median", f"{percentile(delays, 0.5):.0f} ms")
    rows.add("commit to client, p95", f"{slow:.0f} ms", "< 1,000 ms", met=slow < 1000)
    rows.add("steps heard of", f"{len(delays):,}")
    return rows.rows


def crowd(data: Path) -> list[Row]:
    """As many event streams as a server lets be open by itself, and a step that all are told of."""
    with server(data, HESSIANFREE_STREAMS_A_CLIENT=str(CROWD)) as lab:
        run = asyncio.run(_create_runs(lab.url, 1))[0]
        before, after, seconds = asyncio.run(clients.crowd(lab.url, run, CROWD, lab.resident_mb))
    rows = Scene(name=f"{CROWD:,} event streams, and one step")
    rows.add("server's memory, above before", f"{after - before:.0f} MB")
    rows.add("commit to the last client", f"{1000 * seconds:,.0f} ms")
    return rows.rows


def stalled(data: Path) -> list[Row]:
    """Twenty readers of a busy run stop reading; what the server holds for them, and for how long."""
    with server(data) as lab:
        run = asyncio.run(_create_runs(lab.url, 1))[0]
        before, most, gone_after = asyncio.run(clients.stall(lab.url, run, 20, lab.resident_mb))
    rows = Scene(name="20 readers that have stopped to read")
    rows.add("server's memory, at most, above before", f"{most - before:.0f} MB")
    rows.add("dropped after", f"{gone_after:.0f} s", "<= 30 s", met=gone_after <= 30)
    return rows.rows


def _copy_records(database: Path, runs: list[str]) -> None:
    """Give every run what the first one has recorded."""
    with closing(sqlite3.connect(database)) as connection:
        for table in ("steps", "chunks", "summaries"):
            names = [
                row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1] != "run_id"
            ]
            listed = ", ".join(f'"{name}"' for name in names)
            for run in runs[1:]:
                connection.execute(
                    f"INSERT INTO {table} (run_id, {listed}) SELECT ?, {listed} FROM {table} WHERE run_id = ?",
                    (run, runs[0]),
                )
                connection.commit()
        last = "SELECT step, seconds FROM runs WHERE id = ?"
        connection.execute(f"UPDATE runs SET (step, seconds) = ({last})", (runs[0],))
        connection.commit()


def grown(data: Path, rows: int) -> list[Row]:
    """As many rows as a day brings: one run recorded, the others copies of it; then the dashboard's reads."""
    url, steps = f"sqlite:///{data}/hessianfree.sqlite", 5_000
    store = open_store(url)
    runs = [store.add_script_run(ScriptRun(name=f"run {number}")).id for number in range(WRITERS)]
    template = clients.batch_template(1, steps=steps)
    began, per_run = time.monotonic(), rows // WRITERS
    for first in range(1, per_run + 1, steps):
        numbers = [number for number in range(first, first + steps) for _ in range(2)]
        store.append(runs[0], IngestBatch.model_validate_json(template % tuple(numbers)))
    took = time.monotonic() - began
    store.close()
    _copy_records(data / "hessianfree.sqlite", runs)
    size = sum(path.stat().st_size for path in data.iterdir()) / 2**30
    found = Scene(name=f"{rows / 1e6:.3g} million rows in {WRITERS} runs")
    found.add("size", f"{size:.1f} GB")
    found.add("rows stored a second, in batches of 5,000", f"{per_run / took:,.0f}")
    limits = {"runs table": 100, "run": 100, "series": 200}
    with server(data) as lab:
        alone = asyncio.run(clients.readers(lab.url, runs, time.monotonic() + 15, 1, 0.0))
    for kind, seconds in alone.seconds.items():
        slow, limit = percentile(seconds, 0.95), limits[kind]
        shown = f"{percentile(seconds, 0.5):.0f}, {slow:.0f} ms"
        found.add(f"{kind}, median and p95", shown, f"< {limit} ms", met=slow < limit)
    return found.rows


_HEAD = """# Load, measured

What one server on SQLite bears, with its defaults, on a small machine that it shares with its clients (raw sockets,
bodies encoded beforehand, two processes). A batch is 50 steps of 20 metrics, 1,000 values; a writer sends the next one
when the last is acknowledged, which is after its commit is on the disk. A reader asks, about once a second, for the
table of runs, one run, and a figure's series of two metrics at 1,000 points. Commit to client is from the
acknowledgement of a step's batch to its arrival on an event stream; ten runs get a step every 100 ms, half of the
streams follow one of them each, the others all. Rows are steps of 20 metrics. The first 3 s are not counted for times.
"""


def write(file: Path, name: str, rows: list[Row], load: float) -> None:
    """A section of its own for each scene; those of the others stay as they are."""
    known = file.read_text(encoding="utf-8").split("\n## ")[1:] if file.exists() else []
    sections = {text.partition("\n")[0]: text.partition("\n")[2] for text in known}
    machine = f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine}, load {load:.1f} before"
    head = ["measured", "value", "target", "met"]
    lines = [head, ["---"] * len(head), *(row.cells()[1:] for row in rows)]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    command = f"python benchmarks/service_load.py --only {name} --write {file}"
    sections[name.capitalize()] = f"\n{rows[0].scene}. {when}; {command}\n\n{table}\n"
    text = "".join(f"\n## {title}\n{section}" for title, section in sections.items())
    file.write_text(_HEAD + text, encoding="utf-8")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seconds", type=float, default=60.0)
    arguments.add_argument("--rows", type=int, default=10_000_000)
    arguments.add_argument("--only", choices=("writers", "paced", "streams", "crowd", "stalled", "grown"))
    arguments.add_argument("--write", type=Path, metavar="FILE")
    options = arguments.parse_args()
    scenes: dict[str, Callable[[Path], list[Row]]] = {
        "writers": lambda data: writers_and_readers(data, options.seconds, 0.0),
        "paced": lambda data: writers_and_readers(data, options.seconds, PERIOD_SECONDS),
        "streams": lambda data: streams(data, min(options.seconds, 20.0)),
        "crowd": crowd,
        "stalled": stalled,
        "grown": lambda data: grown(data, options.rows),
    }
    for name, scene in scenes.items():
        if options.only in (None, name):
            load = os.getloadavg()[0]
            with tempfile.TemporaryDirectory(prefix="hf-load-") as directory:
                rows = scene(Path(directory))
            for row in rows:
                print(" | ".join(row.cells()), flush=True)
            if options.write:
                write(options.write, name, rows, load)


if __name__ == "__main__":
    main()
