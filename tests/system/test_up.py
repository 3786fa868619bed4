"""`hessianfree up`: two processes that live and die together."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hessianfree_lab.client import Client
from system.launch import Launched, clean_environment, launched, wait_until

SOON = 30.0  # seconds; a stop of idle processes takes one or two


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Launched]:
    with launched(
        "up", "--port", "0", "--data-dir", tmp_path / "data", output=tmp_path / "up.log"
    ) as running:
        yield running


def children(up: Launched) -> dict[str, psutil.Process]:
    """Server and worker, by their verb."""
    found = {}
    for child in psutil.Process(up.process.pid).children():
        verb = next((word for word in child.cmdline() if word in {"serve", "work"}), None)
        if verb:
            found[verb] = child
    assert found.keys() == {"serve", "work"}
    return found


def ready(up: Launched) -> tuple[str, dict[str, psutil.Process]]:
    """Address and children, once the worker has registered."""
    url = up.wait_for_url("http://")
    with Client(url) as client:
        wait_until(lambda: bool(client.workers()), seconds=90, what="a worker registers")
    return url, children(up)


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_sigterm_stops_both_cleanly(up: Launched) -> None:
    _, processes = ready(up)
    assert up.stop(signal.SIGTERM, seconds=SOON) == 0, up.text()
    assert all(gone(process) for process in processes.values())
    assert "Traceback" not in up.text()


def test_sigint_stops_both_cleanly_and_a_running_job_goes_back_to_the_queue(
    up: Launched, tmp_path: Path
) -> None:
    url, processes = ready(up)
    with Client(url) as client:
        run = client.submit({"problem": "quadratic", "optimizer": "sgd", "budget": {"steps": 10_000_000}})
        wait_until(lambda: client.run(run.id).progress.step > 0, seconds=60, what="the job runs")
    assert up.stop(signal.SIGINT, seconds=SOON * 2) == 0, up.text()
    assert all(gone(process) for process in processes.values())
    assert "Traceback" not in up.text()
    with (
        launched(
            "serve", "--port", "0", "--data-dir", tmp_path / "data", output=tmp_path / "serve.log"
        ) as server,
        Client(server.wait_for_url()) as client,
    ):
        assert client.run(run.id).state == "queued"


@pytest.mark.parametrize(
    ("killed", "other", "name"), [("serve", "work", "server"), ("work", "serve", "worker")]
)
def test_the_end_of_one_is_the_end_of_the_other(up: Launched, killed: str, other: str, name: str) -> None:
    _, processes = ready(up)
    processes[killed].kill()
    assert up.process.wait(SOON * 2) == 1
    assert gone(processes[other])
    assert f"hessianfree: The {name} was killed by signal 9" in up.text()


def test_children_do_not_outlive_a_parent_that_is_killed(up: Launched) -> None:
    _, processes = ready(up)
    os.kill(up.process.pid, signal.SIGKILL)
    wait_until(lambda: all(map(gone, processes.values())), seconds=SOON, what="both children end")


def test_the_serving_process_has_no_torch_and_the_token_is_in_no_command_line(tmp_path: Path) -> None:
    environment = clean_environment(HESSIANFREE_TOKEN="a-secret-of-the-test")
    arguments = ("up", "--port", "0", "--data-dir", tmp_path / "data")
    with launched(*arguments, output=tmp_path / "up.log", environment=environment) as up:
        url = up.wait_for_url()
        with Client(url, "a-secret-of-the-test") as client:
            wait_until(lambda: bool(client.workers()), seconds=90, what="a worker registers")
        processes = children(up)
        for process in (psutil.Process(up.process.pid), processes["serve"]):
            assert not any("libtorch" in area.path for area in process.memory_maps())
        for process in processes.values():
            assert "a-secret-of-the-test" not in " ".join(process.cmdline())
