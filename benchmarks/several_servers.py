"""What several servers at one PostgreSQL bear together, beside one on SQLite: claims and ingested rows a second.

    python benchmarks/several_servers.py --postgres postgresql+psycopg://user@host/postgres [--rounds 3] [--seconds 6]

At the address given databases are made and removed again. In each round every installation has its turn, so that the
ratios are of one machine in one mood. Clients are spread over the servers, as a proxy spreads connections.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import load_clients as clients
from machine import processor
from sqlalchemy import URL, create_engine, make_url, text

WRITERS, CLAIMERS, JOBS = 16, 16, 200
WORKER = {
    "name": "worker",
    "host": "localhost",
    "pid": 1,
    "devices": [{"name": "cpu"}],
    "problems": [{"name": "bowl", "title": "Bowl", "description": "", "params_schema": {"type": "object"}}],
    "optimizers": [{"name": "adam", "title": "Adam", "description": "", "params_schema": {"type": "object"}}],
}
JOB = json.dumps({"problem": "bowl", "optimizer": "adam"}).encode()


@contextmanager
def servers(folder: Path, database: str | None, count: int) -> Iterator[list[str]]:
    """So many servers, each on a port of its own; None: on a SQLite file. Their addresses."""
    with ExitStack() as stack:
        files, processes = [], []
        for number in range(count):
            data = folder / f"server-{number}"
            data.mkdir()
            files.append(data / "url")
            command = [sys.executable, "-m", "hessianfree_lab.cli", "serve", "--port", "0"]
            command += ["--url-file", str(files[-1]), "--data-dir", str(data)]
            command += ["--database-url", database] if database else []
            # What is claimed here is never trained: none of it is to be taken for lost meanwhile.
            environment = {**os.environ, "HESSIANFREE_LEASE_SECONDS": "600"}
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
            processes.append(process)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        while not all(file.exists() for file in files):
            if any(process.poll() is not None for process in processes):
                raise SystemExit("a server did not start")
            time.sleep(0.01)
        yield [file.read_text().strip() for file in files]


@contextmanager
def database(address: URL | None) -> Iterator[str | None]:
    """An empty database of its own at the address; None: none is needed."""
    if address is None:
        yield None
        return
    name = f"hessianfree_benchmark_{os.getpid()}"
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        yield address.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        engine.dispose()


async def claims(urls: list[str]) -> float:
    """Jobs claimed a second, while none comes in, by workers that ask for the next as soon as they have one."""
    connections = [await clients.Connection.open(urls[number % len(urls)]) for number in range(CLAIMERS)]
    workers = []
    for connection in connections:
        status, body = await connection.request("POST", "/api/v1/workers", json.dumps(WORKER).encode())
        assert status == 201, body
        workers.append(json.loads(body)["id"])
    for number in range(JOBS):
        status, body = await connections[number % CLAIMERS].request("POST", "/api/v1/jobs", JOB)
        assert status == 201, body

    async def work(connection: clients.Connection, worker: str) -> int:
        taken = 0
        while (await connection.request("POST", f"/api/v1/workers/{worker}/claim", b"{}"))[0] == 200:
            taken += 1
        return taken

    began = time.monotonic()
    taken = await asyncio.gather(*map(work, connections, workers))
    took = time.monotonic() - began
    for connection in connections:
        connection.close()
    assert sum(taken) == JOBS, f"{sum(taken)} claims of {JOBS} jobs"
    return JOBS / took


async def rows(urls: list[str], seconds: float) -> float:
    """Steps of 20 metrics stored a second, in batches of 50, each sent when the one before is acknowledged."""
    connection = await clients.Connection.open(urls[0])
    runs = [await clients.create_run(connection, f"run {number}") for number in range(WRITERS)]
    connection.close()
    outcome, began = clients.Outcome(), time.monotonic()
    await asyncio.gather(
        *(
            clients.write(urls[number % len(urls)], run, began + seconds, outcome, period=0.0)
            for number, run in enumerate(runs)
        )
    )
    assert not outcome.faults, outcome.faults[0]
    return outcome.values / clients.METRICS_A_STEP / (time.monotonic() - began)


def measure(address: URL | None, count: int, seconds: float) -> tuple[float, float]:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hf-servers-"))
        name = stack.enter_context(database(address))
        urls = stack.enter_context(servers(Path(folder), name, count))
        return asyncio.run(claims(urls)), asyncio.run(rows(urls, seconds))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--postgres", type=make_url, required=True, metavar="URL")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=6.0)
    options = arguments.parse_args()
    installations = {
        "SQLite, 1 server": (None, 1),
        "PostgreSQL, 1 server": (options.postgres, 1),
        "PostgreSQL, 2 servers": (options.postgres, 2),
    }
    load = os.getloadavg()[0]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in installations}
    for _ in range(options.rounds):
        for name, (address, count) in installations.items():
            found[name].append(measure(address, count, options.seconds))
    machine = f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine}, load {load:.1f} before; medians (ranges)\n")
    print("| installation | claims a second | ratio | rows a second | ratio |")
    print("| --- | --- | --- | --- | --- |")
    first = [statistics.median(values) for values in zip(*found["SQLite, 1 server"], strict=True)]
    for name, pairs in found.items():
        cells = [name]
        for values, reference in zip(zip(*pairs, strict=True), first, strict=True):
            middle = statistics.median(values)
            cells += [
                f"{middle:,.0f} ({min(values):,.0f} .. {max(values):,.0f})",
                f"{middle / reference:.2f}",
            ]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
