"""A server, a worker and real jobs: how they end, and what is known of them."""

import math
import time
from datetime import datetime

import psutil
import pytest

from hessianfree_lab.records import FinishRequest
from hessianfree_lab.worker.placement import job_environment
from server.client.lab_server import lab_server
from server.worker.runs import LONG_STEP
from server.worker.workers import (
    steps_of,
    submit,
    wait_for_state,
    wait_for_step,
    worker,
)
from system.launch import wait_until

pytestmark = pytest.mark.system  # every job loads torch

ENDLESS = {"steps": 1_000_000}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with lab_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def shared_worker(server, tmp_path_factory):
    with worker(server, tmp_path_factory.mktemp("worker")) as process:
        yield process


@pytest.fixture(scope="module")
def client(server, shared_worker):
    with server.client() as client:
        yield client


def test_a_job_is_trained_and_recorded(client):
    run = submit(client, problem="rosenbrock", budget={"steps": 10})
    run = wait_for_state(client, run.id, "completed")
    assert steps_of(client, run.id) == list(range(1, 11))
    assert run.environment["torch"]
    assert client.trace(run.id, 10).step == 10
    assert client.landscape(run.id).minima == [(1.0, 1.0)]
    assert run.summary["loss"].last < run.summary["loss"].first


def test_it_announces_what_it_can_train_and_on_what(client):
    (entry,) = [entry for entry in client.workers() if entry.state != "gone"]
    assert entry.devices[0].name == "cpu"
    assert {"digits-autoencoder", "quadratic"} <= set(entry.problems)
    assert {"hessianfree", "lbfgs"} <= set(entry.optimizers)
    assert entry.versions["torch"]


def test_it_tells_what_its_processor_is_busy_with(client):
    wait_until(lambda: any(entry.load for entry in client.workers()), seconds=30, what="it tells its load")
    (load,) = next(entry.load for entry in client.workers() if entry.load)
    assert load.device == "cpu"
    assert load.memory_used_bytes < load.memory_total_bytes


def test_the_agent_itself_does_without_torch_and_without_servers(shared_worker):
    maps = {entry.path for entry in psutil.Process(shared_worker.process.pid).memory_maps()}
    assert not [path for path in maps if "libtorch" in path or "sqlalchemy" in path]


def test_a_cancel_interrupts_a_long_step(client, shared_worker):
    run = submit(client, **LONG_STEP)
    wait_until(lambda: bool(client.run(run.id).environment), seconds=60, what="the job is built")
    time.sleep(1.0)  # now deep in its first CG solve
    started = time.monotonic()
    client.cancel(run.id)
    run = wait_for_state(client, run.id, "cancelled")
    assert time.monotonic() - started < 10  # the step would take longer
    assert (run.progress.step, run.error) == (0, None)


def test_a_cancel_keeps_what_was_recorded(client):
    run = submit(client, budget=ENDLESS)
    wait_for_step(client, run.id, 20)
    client.cancel(run.id)
    run = wait_for_state(client, run.id, "cancelled")
    assert steps_of(client, run.id) == list(range(1, run.progress.step + 1))


def test_a_job_that_ignores_the_signal_is_killed(client, shared_worker):
    run = submit(client, budget=ENDLESS)
    wait_for_step(client, run.id, 1)
    shared_worker.runner().suspend()  # as deaf as a job can be
    started = time.monotonic()
    client.cancel(run.id)
    wait_for_state(client, run.id, "cancelled")
    assert time.monotonic() - started < 10


def test_divergence_is_a_failure_of_its_own(client):
    run = submit(client, problem="rosenbrock", optimizer="sgd", optimizer_params={"lr": 100.0})
    run = wait_for_state(client, run.id, "failed")
    assert run.cause == "diverged"
    assert run.error.startswith("Diverged: loss is ")
    assert not math.isfinite(client.metrics(run.id, ["loss"]).values["loss"][-1])


def test_what_the_worker_cannot_build_is_invalid(client):
    run = submit(client, problem="beale", optimizer="hessianfree",
                 optimizer_params={"preconditioner": "empirical_fisher"})  # fmt: skip
    run = wait_for_state(client, run.id, "failed")
    assert run.cause == "invalid"
    assert run.error.startswith(
        "optimizer_params.preconditioner = 'empirical_fisher' needs a problem with data"
    )


def test_a_killed_job_is_trained_again_while_attempts_remain(client, shared_worker):
    run = submit(client, budget=ENDLESS, max_attempts=2)
    for attempt in (1, 2):
        wait_until(
            lambda attempt=attempt: client.run(run.id).attempt == attempt, seconds=30, what="the next attempt"
        )
        wait_for_step(client, run.id, 500 * attempt)
        shared_worker.runner().kill()
    run = wait_for_state(client, run.id, "failed")
    assert (run.cause, run.error) == ("killed", "The job's process was killed by SIGKILL.")
    assert steps_of(client, run.id) == list(range(1, run.progress.step + 1))
    assert run.progress.step >= 30


def test_what_a_job_prints_can_be_read(client):
    run = submit(client, problem="rosenbrock", optimizer="hessianfree",
                 optimizer_params={"verbose": True}, budget={"steps": 3})  # fmt: skip
    wait_for_state(client, run.id, "completed")
    lines = client.logs(run.id)["lines"]
    printed = [line["text"].split(":")[0] for line in lines if line["stream"] == "stdout"]
    assert printed == ["step 1", "step 2", "step 3"]
    assert [line["number"] for line in lines] == list(range(len(lines)))


def test_a_run_that_ended_elsewhere_is_dropped(client, shared_worker):
    run = submit(client, budget=ENDLESS)
    wait_for_step(client, run.id, 1)
    runner = shared_worker.runner()
    client.finish(run.id, FinishRequest(state="failed", cause="error", error="somebody else said so"))
    runner.wait(30)
    wait_until(lambda: f"{run.id}), attempt 1: dropped." in shared_worker.text(), seconds=10, what="dropped")
    assert client.run(run.id).error == "somebody else said so"
    spools = shared_worker.data_dir / "attempts"
    wait_until(lambda: list(spools.iterdir()) == [], seconds=10, what="what it left is removed")


def test_steps_arrive_while_they_are_made(client):
    run = submit(client, budget=ENDLESS)
    wait_for_step(client, run.id, 1)
    lags = []
    for event in client.events([run.id]):
        if event.kind == "steps":
            made = datetime.fromisoformat(event.data["steps"][-1]["wall_time"]).timestamp()
            lags.append(time.time() - made)
        if len(lags) == 20:
            break
    client.cancel(run.id)
    assert sorted(lags)[10] < 0.5
    wait_for_state(client, run.id, "cancelled")


def test_the_token_does_not_reach_the_job(monkeypatch):
    monkeypatch.setenv("HESSIANFREE_TOKEN", "secret")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert "HESSIANFREE_TOKEN" not in job_environment(1)
    assert "OMP_NUM_THREADS" not in job_environment(1)
    assert int(job_environment(2)["OMP_NUM_THREADS"]) >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert job_environment(2)["OMP_NUM_THREADS"] == "3"
