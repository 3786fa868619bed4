"""A server and a worker, each told to stop, killed or cut off while a job runs."""

import signal
import time

import psutil
import pytest

from server.client.lab_server import lab_server
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


@pytest.fixture
def lab(tmp_path):
    """A server with short leases, and a client of it."""
    with (
        lab_server(tmp_path / "server", heartbeat_seconds=0.5, lease_seconds=5) as server,
        server.client() as client,
    ):
        yield server, client


def test_a_server_that_is_away_is_outlived(lab, tmp_path):
    server, client = lab
    with worker(server, tmp_path / "worker") as process:
        run = submit(client, budget=ENDLESS)
        wait_for_step(client, run.id, 50)
        runner = process.runner()
        server.end(signal.SIGKILL)
        time.sleep(3)
        server.start()
        assert runner.is_running()
        wait_for_step(client, run.id, client.run(run.id).progress.step + 100)
        client.cancel(run.id)
        run = wait_for_state(client, run.id, "cancelled")
        assert run.attempt == 1
        assert steps_of(client, run.id) == list(range(1, run.progress.step + 1))


def test_a_job_that_ends_while_the_server_is_away_is_reported_later(lab, tmp_path):
    server, client = lab
    with worker(server, tmp_path / "worker") as process:
        run = submit(client, budget={"steps": 400})
        runner = process.runner()
        wait_for_step(client, run.id, 5)
        server.end(signal.SIGKILL)
        runner.wait(60)
        time.sleep(0.5)
        server.start()
        wait_for_state(client, run.id, "completed")
        assert steps_of(client, run.id) == list(range(1, 401))


def test_a_worker_stops_in_time_without_its_server_and_its_successor_reports(lab, tmp_path):
    server, client = lab
    with worker(server, tmp_path / "worker", name="first") as process:
        run = submit(client, budget=ENDLESS)
        wait_for_step(client, run.id, 20)
        server.end(signal.SIGKILL)
        assert process.end() == 0
    attempts = tmp_path / "worker" / "attempts"
    assert len(list(attempts.iterdir())) == 1
    server.start()
    with worker(server, tmp_path / "worker", name="second"):
        wait_until(lambda: client.run(run.id).attempt == 2, seconds=60, what="the job goes on")
        wait_for_step(client, run.id, client.run(run.id).progress.step + 100)
        client.cancel(run.id)
        run = wait_for_state(client, run.id, "cancelled")
        assert run.attempt == 2
        assert steps_of(client, run.id) == list(range(1, run.progress.step + 1))
        wait_until(lambda: not list(attempts.iterdir()), seconds=60, what="nothing is left to report")


def test_a_worker_that_was_silent_too_long_loses_its_job(lab, tmp_path):
    server, client = lab
    with worker(server, tmp_path / "worker") as process:
        run = submit(client, budget=ENDLESS, max_attempts=1)
        wait_for_step(client, run.id, 5)
        runner = process.runner()
        psutil.Process(process.process.pid).suspend()
        run = wait_for_state(client, run.id, "failed")
        assert run.cause == "lost"
        psutil.Process(process.process.pid).resume()
        runner.wait(30)  # dropped: another may have it by now
        wait_until(lambda: "dropped." in process.text(), seconds=30, what="dropped")
        again = submit(client, problem="rosenbrock", budget={"steps": 2})
        wait_for_state(client, again.id, "completed")


def test_a_worker_waits_for_its_server(tmp_path):
    with lab_server(tmp_path) as server, server.client() as client:
        server.end()
        with worker(server, tmp_path / "worker", registered=False) as process:
            wait_until(lambda: "No server answers" in process.text(), seconds=90, what="it says so")
            server.start()
            wait_until(lambda: bool(client.workers()), seconds=30, what="it registers")
            assert process.text().count("No server answers") == 1


def test_a_server_that_has_forgotten_the_worker_gets_it_again(lab, tmp_path):
    server, client = lab
    with worker(server, tmp_path / "worker") as process:
        (entry,) = client.workers()
        client.leave(entry.id)  # as after a database was replaced
        wait_until(lambda: process.text().count("is registered") == 2, seconds=30, what="it registers again")
        run = submit(client, problem="rosenbrock", budget={"steps": 2})
        wait_for_state(client, run.id, "completed")


def test_a_wrong_token_ends_the_worker_with_a_sentence(tmp_path):
    with lab_server(tmp_path, token="right") as server:
        with worker(server, tmp_path / "worker", registered=False) as process:
            assert process.process.wait(90) != 0
        assert "ClientError" in process.text().splitlines()[-1]


def test_a_worker_that_was_told_to_stop_while_it_was_frozen_stops_when_it_wakes(lab, tmp_path):
    server, _ = lab
    for number in range(3):  # which thread such a signal reaches is the kernel's choice
        with worker(server, tmp_path, name=f"frozen-{number}") as process:
            process.process.send_signal(signal.SIGSTOP)
            wait_until(
                lambda process=process: psutil.Process(process.process.pid).status() == psutil.STATUS_STOPPED,
                seconds=30,
                what="it stands still",
            )
            process.process.send_signal(signal.SIGTERM)
            assert process.end(signal.SIGCONT) == 0
