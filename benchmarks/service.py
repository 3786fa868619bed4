"""What the service costs: start-up, recording, and the way of a record to a reader.

    python benchmarks/service.py [--rounds 7]

Starts are timed as whole processes, in turns with an interpreter that does nothing. Recording is what a step's records
cost the process that trains. A record's way is from its POST to its arrival on an event stream.
"""

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from hessianfree_lab.client import Client
from hessianfree_lab.client.spool import Spool, SpoolWriter
from hessianfree_lab.records import FinishRequest, IngestBatch, JobSpec, ScriptRun, StepRecord
from hessianfree_lab.training.session import Session

COMMAND = [sys.executable, "-m", "hessianfree_lab.cli"]
METRICS = {f"metric_{i}": 0.1 * i for i in range(18)}
STEPS_PER_SECOND = 100


def quartiles(values: list[float], scale: float = 1.0) -> str:
    low, middle, high = (scale * value for value in statistics.quantiles(values, n=4))
    return f"{middle:8.3g}   ({low:.3g} .. {high:.3g})"


def seconds(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


@contextmanager
def server(directory: Path) -> Iterator[tuple[str, float]]:
    """A server in a process of its own: its address, and the seconds from its start until it answers."""
    where = directory / "url"
    started = time.perf_counter()
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--url-file", str(where), "--data-dir", str(directory / "data")],
        stdout=subprocess.DEVNULL,
    )
    try:
        while not where.exists():
            if process.poll() is not None:
                raise SystemExit("the server did not start")
            time.sleep(0.005)
        yield where.read_text().strip(), time.perf_counter() - started
    finally:
        process.terminate()
        process.wait()


def starts(rounds: int) -> None:
    bare, help_, ready = [], [], []
    for _ in range(rounds):
        bare.append(seconds(lambda: subprocess.run([sys.executable, "-c", ""], check=True)))
        help_.append(
            seconds(lambda: subprocess.run([*COMMAND, "--help"], check=True, stdout=subprocess.DEVNULL))
        )
        with tempfile.TemporaryDirectory() as name, server(Path(name)) as (_, took):
            ready.append(took)
    print("python, nothing imported       s ", quartiles(bare))
    print("hessianfree --help             s ", quartiles(help_))
    print("server, start to ready         s ", quartiles(ready))


def recording(rounds: int) -> None:
    """What a step's records cost the job's process, timed in the midst of real training."""
    for optimizer in ("adam", "hessianfree"):
        spec = {"problem": "digits-classifier", "optimizer": optimizer, "budget": {"seconds": rounds}}
        with tempfile.TemporaryDirectory() as name:
            spool, lock = Spool.create(Path(name), run="benchmark", attempt=1)
            costs = append_costs(spool.writer(), Session(JobSpec.model_validate(spec)))
            lock.close()
        print(f"recording a step, {optimizer:12s} us", quartiles(costs, 1e6))
        print(f"  share at {STEPS_PER_SECOND} steps/s          % ", quartiles(costs, 100 * STEPS_PER_SECOND))


def append_costs(writer: SpoolWriter, session: Session) -> list[float]:
    return [seconds(lambda records=records: writer.append(*records)) for records in session]


def arrival(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name, server(Path(name)) as (url, _):  # noqa: SIM117 - the address comes first
        with Client(url) as sender, Client(url) as reader:
            run = sender.create_run(ScriptRun(name="benchmark"))
            arrived: dict[int, float] = {}
            last = threading.Event()
            steps = 30 * rounds

            def listen() -> None:
                for event in reader.events(runs=[run.id], after=0):
                    if event.kind == "steps":
                        now = time.perf_counter()
                        arrived.update({record["step"]: now for record in event.data["steps"]})
                        if steps in arrived:
                            last.set()
                            return

            threading.Thread(target=listen, daemon=True).start()
            sent = {}
            for step in range(1, steps + 1):
                sent[step] = time.perf_counter()
                sender.send(run.id, IngestBatch(steps=[StepRecord(step=step, metrics=METRICS)]))
                time.sleep(0.02)
            if not last.wait(30):
                raise SystemExit("the last record did not arrive")
            sender.finish(run.id, FinishRequest(state="completed"))
    print("record, POST to event stream   ms", quartiles([arrived[s] - sent[s] for s in sent], 1e3))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=7)
    options = arguments.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.processor() or platform.machine()}; median (quartiles)")
    warnings.simplefilter("ignore")  # of training far beyond convergence
    starts(options.rounds)
    recording(options.rounds)
    arrival(options.rounds)


if __name__ == "__main__":
    main()
