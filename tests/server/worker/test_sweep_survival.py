"""A sweep with a real worker, over the death of its server."""

import signal
from pathlib import Path

import pytest

from hessianfree_lab.client import Client
from hessianfree_lab.records.sweeps import Sweep
from server.client.lab_server import lab_server
from server.worker.network import network
from server.worker.workers import RUN_SECONDS, worker
from system.launch import clean_environment, run, wait_until

pytestmark = pytest.mark.system

BASE = {
    "problem": "quadratic",
    "problem_params": {"dimension": 20, "condition_number": 100},
    "optimizer": "hessianfree",
    "budget": {"steps": 3},
}
SWEEP = {
    "name": "through a crash",
    "base": BASE,
    "search": {
        "method": "tpe",
        "trials": 5,
        "seed": 0,  # whose first trial is not the best
        "space": {"optimizer_params.damping": {"low": 1e-3, "high": 1e3, "log": True}},
    },
    "objective": {"metric": "loss"},
    "parallel": 2,
}
FILE = """
base: {problem: quadratic, problem_params: {dimension: 20}, budget: {steps: 2}}
search: {method: grid, space: {optimizer_params.damping: [0.1, 10.0]}}
"""


RACE = {
    "name": "a race",
    "base": BASE
    | {
        "optimizer_params": {"adapt_damping": False},
        "budget": {"steps": 1_000_000, "target_loss": 0.1},  # only the first comes there
    },
    "search": {
        "method": "grid",
        "space": {"optimizer_params.damping": [1e-3, 1e8]},
        "pruning": {"after": 5, "factor": 2},
    },
    "objective": {"metric": "loss_after"},
    "parallel": 1,
}


def ended(client: Client, sweep_id: str) -> int:
    trials = client.sweeps.get(sweep_id).trials
    return trials["completed"] + trials["failed"] + trials["cancelled"]


def finished(client: Client, sweep_id: str) -> Sweep:
    wait_until(
        lambda: client.sweeps.get(sweep_id).state != "running", seconds=RUN_SECONDS, what="the sweep ends"
    )
    return client.sweeps.get(sweep_id)


def test_a_sweep_goes_on_where_its_server_died(tmp_path: Path) -> None:
    with lab_server(tmp_path / "server") as server, worker(server, tmp_path / "worker", slots=2):
        with server.client() as client:
            begun = client.sweeps.submit(SWEEP, idempotency_key="once")
            wait_until(lambda: ended(client, begun.id) >= 1, seconds=RUN_SECONDS, what="a trial ends")
        server.end(signal.SIGKILL)
        server.start()
        with server.client() as client:
            assert client.sweeps.submit(SWEEP, idempotency_key="once").id == begun.id
            done = finished(client, begun.id)
            trials = list(client.sweeps.trials(begun.id))
            assert (done.state, done.trials["completed"]) == ("completed", 5)
            assert [trial.number for trial in trials] == list(range(5))
            assert {len(trial.runs) for trial in trials} == {1}
            assert done.best is not None
            assert done.best.value == min(trial.value or 0.0 for trial in trials)
            assert done.best.value < (trials[0].value or 0.0)
            assert (
                client.run(done.best.run).spec["optimizer_params"]["damping"]
                == done.best.params["optimizer_params.damping"]
            )

            race = finished(client, client.sweeps.submit(RACE).id)
            states = [trial.state for trial in client.sweeps.trials(race.id)]
            assert states == ["completed", "pruned"]
            assert race.best is not None
            assert (race.best.number, race.trials["pruned"]) == (0, 1)

        file = tmp_path / "sweep.yaml"
        file.write_text(FILE)
        with network(server.url) as wires, server.client() as client:
            wires.lose_answers(1)
            environment = clean_environment(HESSIANFREE_SERVER=wires.url)
            said = run("sweep", file, "--watch", "--key", "mine", environment=environment)
            assert said.returncode == 0, said.stderr
            assert f"{wires.url}/sweeps/" in said.stdout
            # Begun once, its first answer having been lost on the way; and under its key however often it is asked for.
            assert [sweep.name for sweep in client.sweeps.all()].count("hessianfree on quadratic") == 1
            assert said.stdout.split()[0] == client.sweeps.submit(SWEEP, idempotency_key="mine").id
        assert "hessianfree on quadratic: 2/2 trials" in said.stdout
        assert "optimizer_params.damping: 0.1" in said.stdout

        page = tmp_path / "report.html"
        told = run(
            "sweep",
            "--report",
            begun.id[-8:],
            "-o",
            page,
            environment=clean_environment(HESSIANFREE_SERVER=server.url),
        )
        assert told.returncode == 0, told.stderr
        assert "through a crash: completed, 5 completed of 5" in told.stdout
        best = next(
            line.split()
            for line in told.stdout.splitlines()
            if line.strip().startswith(f"{done.best.number} ")
        )
        assert best[1] == f"{done.best.value:.4g}"
        assert "optimizer_params.damping" in told.stdout
        assert "through a crash" in page.read_text(encoding="utf-8")
