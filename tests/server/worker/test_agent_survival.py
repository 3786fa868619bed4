"""Workers that are killed, stopped and cut off: every job goes on from its checkpoint, as one attempt at a time."""

import signal
import time
from types import SimpleNamespace

import psutil
import pytest

from server.client.lab_server import lab_server
from server.worker.network import network
from server.worker.runs import LONG_STEP
from server.worker.workers import steps_of, submit, wait_for_state, wait_for_step, worker
from system.launch import wait_until

pytestmark = pytest.mark.system  # every job loads torch

ENDLESS = {"steps": None}
LEASE_SECONDS = 5.0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with lab_server(
        tmp_path_factory.mktemp("server"), heartbeat_seconds=0.5, lease_seconds=LEASE_SECONDS
    ) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture(autouse=True)
def _no_job_is_left(client):
    yield
    for run in client.jobs():
        client.cancel(run.id)


@pytest.fixture
def patient(tmp_path):
    """A server whose leases outlast the start of a worker on a busy machine, and a client of it."""
    with (
        lab_server(tmp_path / "server", heartbeat_seconds=0.5, lease_seconds=600) as server,
        server.client() as client,
    ):
        yield server, client


def wait_for_attempt(client, run_id, number):
    wait_until(lambda: client.run(run_id).attempt == number, seconds=60, what=f"attempt {number}")


def end_soon(client, run_id):
    """Let a job without an end come to one."""
    last = client.run(run_id).progress.step + 20
    client.set(run_id, {"budget": {"steps": last}})
    run = wait_for_state(client, run_id, "completed")
    assert steps_of(client, run_id) == list(range(1, run.progress.step + 1))
    assert run.progress.step >= last


def checkpoints(folder, run_id):
    return sorted((folder / "checkpoints" / run_id).glob("0*"))


def test_a_killed_worker_loses_nothing_and_its_successor_goes_on_from_the_checkpoint(patient, tmp_path):
    server, client = patient
    with worker(server, tmp_path, name="first") as first:
        run = submit(client, budget=ENDLESS)
        wait_for_step(client, run.id, 50)
        client.set(run.id, {"damping": 0.5})
        wait_until(lambda: client.controls(run.id)[0].step, seconds=10, what="it is set")
        runner = first.runner()
        first.end(signal.SIGKILL)
        runner.wait(30)
        assert [left.name for left in (tmp_path / "attempts").iterdir()] == [f"{run.id}-1"]
        before = client.run(run.id).progress.step
    with worker(server, tmp_path, name="second"):
        wait_for_attempt(client, run.id, 2)
        wait_for_step(client, run.id, before + 20)
        end_soon(client, run.id)
    first_attempt, second_attempt = client.attempts(run.id)
    assert first_attempt.outcome == "interrupted"  # its successor says so, before the lease runs out
    assert second_attempt.resumed_from is not None
    assert second_attempt.resumed_from >= 10
    assert list((tmp_path / "attempts").iterdir()) == []


def test_a_paused_job_outlives_its_worker_and_goes_on_elsewhere(server, client, tmp_path):
    with worker(server, tmp_path / "one", name="one") as first:
        run = submit(client, budget=ENDLESS)
        wait_for_step(client, run.id, 30)
        asked = time.monotonic()
        client.pause(run.id)
        wait_for_state(client, run.id, "paused")
        assert time.monotonic() - asked < 10
        runner = first.runner()
        step = client.run(run.id).progress.step
        first.end(signal.SIGKILL)
        runner.wait(30)
    wait_until(lambda: client.attempts(run.id)[0].outcome == "lost", seconds=30, what="its lease runs out")
    held = client.run(run.id)
    assert (held.state, held.stale, held.progress.step) == ("paused", False, step)
    with worker(server, tmp_path / "one", name="again"):
        assert client.resume(run.id).state == "queued"
        wait_for_step(client, run.id, step + 10)
        asked = time.monotonic()
        client.pause(run.id)
        wait_for_state(client, run.id, "paused")
        client.resume(run.id)
        wait_for_state(client, run.id, "running")
        client.pause(run.id)
        wait_for_state(client, run.id, "paused")
        asked = time.monotonic()
        client.cancel(run.id)
        wait_for_state(client, run.id, "cancelled")
        assert time.monotonic() - asked < 10
        assert client.attempts(run.id)[1].resumed_from >= 10
        done = client.retry(run.id)
        assert done.state == "queued"
        wait_for_attempt(client, run.id, 3)
        wait_for_step(client, run.id, step + 20)
        end_soon(client, run.id)
        # How often it is kept depends on what that costs; never is it from before.
        _, second, third, *_ = client.attempts(run.id)
        assert third.resumed_from >= second.resumed_from
        # From scratch: nothing of what was is left.
        client.restart(run.id)
        wait_for_state(client, run.id, "running")
        client.set(run.id, {"budget": {"steps": 5}})
        wait_for_state(client, run.id, "completed")
        assert client.attempts(run.id)[3].resumed_from is None
        assert [control.number for control in client.controls(run.id)] == [1]
        client.request("DELETE", f"/runs/{run.id}")
        again = submit(client, problem="rosenbrock", budget={"steps": 1})
        wait_for_state(client, again.id, "completed")
        wait_until(
            lambda: not (tmp_path / "one" / "checkpoints" / run.id).exists(),
            seconds=10,
            what="all is removed",
        )


def test_a_worker_that_is_told_to_stop_keeps_what_was_reached(server, client, tmp_path):
    with worker(server, tmp_path, slots=2, name="stopped") as process:
        runs = [submit(client, budget=ENDLESS, checkpoint_every=1_000_000).id for _ in range(2)]
        for run in runs:
            wait_for_step(client, run, 30)
        began = time.monotonic()
        assert process.end() == 0
        assert time.monotonic() - began < 30
    assert "stopped" not in [entry.name for entry in client.workers() if entry.state != "gone"]
    assert list((tmp_path / "attempts").iterdir()) == []
    for run in map(client.run, runs):
        assert (run.state, client.attempts(run.id)[0].outcome) == ("queued", "interrupted")
        assert steps_of(client, run.id) == list(range(1, run.progress.step + 1))
        (kept,) = checkpoints(tmp_path, run.id)
        assert int(kept.name.rpartition("-")[2]) == run.progress.step


def test_a_worker_in_the_middle_of_a_long_step_stops_within_30_seconds(server, client, tmp_path):
    with worker(server, tmp_path, name="long") as process:
        run = submit(client, **LONG_STEP)
        wait_until(lambda: bool(client.run(run.id).environment), seconds=60, what="the job is built")
        began = time.monotonic()
        assert process.end() == 0
        assert 14 < time.monotonic() - began < 30  # the step was given its time
    assert (client.run(run.id).state, client.attempts(run.id)[0].outcome) == ("queued", "interrupted")


def test_a_worker_that_was_cut_off_leaves_one_live_attempt(server, client, tmp_path):
    with (
        network(server.url) as wires,
        worker(SimpleNamespace(url=wires.url), tmp_path / "far", name="far") as far,
    ):
        run = submit(client, budget=ENDLESS)
        wait_for_step(client, run.id, 30)
        runner = far.runner()
        wires.cut()
        time.sleep(LEASE_SECONDS / 2)
        wires.heal()  # within the lease: nothing has happened
        wait_for_step(client, run.id, client.run(run.id).progress.step + 50)
        assert client.run(run.id).attempt == 1
        wires.cut()
        with worker(server, tmp_path / "near", name="near"):
            wait_for_attempt(client, run.id, 2)
            wait_for_step(client, run.id, 50)
            assert runner.is_running()
            wires.heal()
            wait_until(lambda: "dropped." in far.text(), seconds=30, what="it hears that it lost the job")
            wait_until(lambda: not psutil.pid_exists(runner.pid), seconds=10, what="its process ends")
            assert [attempt.outcome for attempt in client.attempts(run.id)] == ["lost", None]
            end_soon(client, run.id)
            assert [attempt.outcome for attempt in client.attempts(run.id)] == ["lost", "completed"]


def test_a_job_that_runs_out_of_memory_costs_that_job_alone(server, client, tmp_path):
    with worker(server, tmp_path, name="small") as process:
        large = submit(client, **LONG_STEP)
        wait_until(lambda: bool(client.run(large.id).environment), seconds=60, what="the job is built")
        runner = process.runner()
        in_use = runner.memory_info().vms
        runner.rlimit(psutil.RLIMIT_AS, (in_use, in_use))  # the machine gives no more
        failed = wait_for_state(client, large.id, "failed")
        assert failed.cause == "out_of_memory", failed.error
        assert failed.attempt == 1  # it would end the same way again
        small = submit(client, problem="rosenbrock", budget={"steps": 2})
        wait_for_state(client, small.id, "completed")
