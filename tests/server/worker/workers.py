"""Agents as processes of their own."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from hessianfree_lab.client import Client
from hessianfree_lab.lifecycle import ENDED
from hessianfree_lab.records import Run
from server.client.lab_server import LabServer
from system.launch import clean_environment, wait_until

REGISTER_SECONDS = 90.0
RUN_SECONDS = 90.0

PROBLEMS = Path(__file__).parent / "problems"
QUICK: dict[str, Any] = {
    "problem": "leisurely",
    "problem_params": {"dimension": 300, "condition_number": 1e6},
    "optimizer_params": {"cg_max_iter": 20},
}

MAIN = """
import sys
from hessianfree_lab.worker.agent import Agent
from hessianfree_lab.worker.executors.local import LocalExecutor
from hessianfree_lab.worker.keeping import Keeping
url, slots, name, data_dir, storage = sys.argv[1:]
executor, keeping = LocalExecutor(slots=int(slots)), Keeping(storage=storage or None)
Agent(url, executor=executor, name=name, data_dir=data_dir, keeping=keeping).run()
"""


@dataclass
class WorkerProcess:
    """An agent; what it says is in the file `output`."""

    process: subprocess.Popen[bytes]
    output: Path
    data_dir: Path

    def text(self) -> str:
        return self.output.read_text()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def runner(self) -> psutil.Process:
        """The process of the job it runs."""
        found: list[psutil.Process] = []

        def look() -> bool:
            children = psutil.Process(self.process.pid).children()
            found[:] = [child for child in children if "hessianfree_lab.worker.runner" in child.cmdline()]
            return bool(found)

        wait_until(look, seconds=30, what="a runner")
        return found[0]


@contextlib.contextmanager
def worker(
    server: LabServer,
    folder: Path,
    *,
    slots: int = 1,
    name: str = "worker",
    storage: str = "",
    registered: bool = True,
    command: Sequence[str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[WorkerProcess]:
    """A worker of this server while the context lasts; by another `command` if one is given, with more `variables`."""
    folder.mkdir(exist_ok=True, parents=True)
    usual = [sys.executable, "-c", MAIN, server.url, str(slots), name, str(folder), storage]
    output = folder / f"{name}.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            command or usual,
            env=clean_environment(**{"HESSIANFREE_PROBLEMS": str(PROBLEMS)} | dict(variables or {})),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    started = WorkerProcess(process, output, folder)
    try:
        if registered:
            wait_until(
                lambda: "is registered" in started.text() or process.poll() is not None,
                seconds=REGISTER_SECONDS,
                what="the worker registers",
            )
            assert process.poll() is None, started.text()
        yield started
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for_state(client: Client, run_id: str, *states: str) -> Run:
    """The run, once it is in one of these states."""
    wait_until(
        lambda: client.run(run_id).state in {*states, *ENDED},
        seconds=RUN_SECONDS,
        what=f"{states} of {run_id}",
    )
    run = client.run(run_id)
    assert run.state in states, run.error or run
    return run


def wait_for_step(client: Client, run_id: str, step: int) -> None:
    """Return once the run has got that far; a run that ends before is an error."""

    def reached() -> bool:
        run = client.run(run_id)
        if run.progress.step >= step:
            return True
        assert run.state not in ENDED, f"{run.state} before step {step}: {run.error or run.progress}"
        return False

    wait_until(reached, seconds=RUN_SECONDS, what=f"step {step}")


def submit(client: Client, **spec: Any) -> Run:
    """Queue a job; what is not said is of one with some eighty steps a second that hardly uses the processor."""
    return client.submit(spec if "problem" in spec else QUICK | spec)


def steps_of(client: Client, run_id: str) -> list[int]:
    """Every step the server has, in its order."""
    text = client.request("GET", f"/runs/{run_id}/metrics.csv").text
    return [int(line.split(",")[0]) for line in text.splitlines()[1:]]
