"""How long a job takes from its submission to its first step, on a worker that waits for one.

    python benchmarks/job_start.py [--rounds 5] [--against FOLDER]

Jobs of one step; `--against` names another checkout of this repository, whose worker has a server of its own and takes
its turn in every round.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from machine import processor
from recovery import seconds_until
from service import COMMAND, server

from hessianfree_lab.client import Client

HERE = Path(__file__).parents[1]
JOBS = (
    ("digits-autoencoder", "hessianfree-recommended"),
    ("digits-classifier", "hessianfree"),
    ("digits-classifier", "adam"),
)


@contextmanager
def lab(checkout: Path, folder: Path) -> Iterator[Client]:
    """A server, and a worker of that checkout."""
    folder.mkdir()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(str(checkout / name) for name in ("engine", "server", "web"))
    }
    with server(folder) as (url, _), Client(url) as client:
        command = [*COMMAND, "work", "--server", url, "--data-dir", str(folder / "work")]
        worker = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        try:
            seconds_until(lambda: bool(client.workers()))
            yield client
        finally:
            worker.terminate()
            worker.wait(60)


def seconds_to_first_step(client: Client, problem: str, optimizer: str) -> float:
    started = time.perf_counter()
    run = client.submit(
        {"problem": problem, "optimizer": optimizer, "budget": {"steps": 1}, "device": "cpu"}
    ).id
    seconds_until(lambda: client.run(run).progress.step == 1)
    seconds = time.perf_counter() - started
    seconds_until(lambda: client.run(run).state == "completed")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    checkouts = {"here": HERE} | ({"there": arguments.against.resolve()} if arguments.against else {})
    found: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        clients = {
            name: stack.enter_context(lab(path, Path(folder) / name)) for name, path in checkouts.items()
        }
        for number in range(arguments.rounds + 1):
            for problem, optimizer in JOBS:
                for name, client in clients.items():
                    seconds = seconds_to_first_step(client, problem, optimizer)
                    if number:  # the first round reads files that are not in memory yet
                        found.setdefault((f"{problem}, {optimizer}", name), []).append(seconds)
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {processor()}, {os.cpu_count()} cores, load {load:.1f} before"
    )
    for (job, name), several in found.items():
        print(
            f"{job:45} {name:6} {statistics.median(several):6.2f} s ({min(several):.2f} .. {max(several):.2f})"
        )


if __name__ == "__main__":
    main()
