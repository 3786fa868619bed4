"""Workers wait for jobs and for commands, and hear of them at once."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from server.makers import announcement, steps

WORKERS = "/api/v1/workers"
SOON = 4.0
"""Seconds on a busy machine; who is not woken waits for ten."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory: Path = tmp_path_factory.mktemp("lab")
    with running(Settings(data_dir=directory, port=0)) as url:
        yield url


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture
def worker(http: httpx.Client) -> Iterator[str]:
    identity = http.post(WORKERS, json=announcement().model_dump(mode="json")).json()
    assert (identity["heartbeat_seconds"], identity["lease_seconds"]) == (5.0, 20.0)
    yield identity["id"]
    http.delete(f"{WORKERS}/{identity['id']}")


@pytest.fixture
def run(http: httpx.Client, worker: str) -> Iterator[str]:
    """A job that the worker holds."""
    http.post("/api/v1/jobs", json={"problem": "bowl"})
    run = http.post(f"{WORKERS}/{worker}/claim", json={}).json()["run"]
    yield run
    http.post(f"/api/v1/runs/{run}/finish", json={"state": "cancelled"})


def _later(seconds: float, act: Callable[[], Any]) -> threading.Timer:
    timer = threading.Timer(seconds, act)
    timer.start()
    return timer


def test_a_claim_without_a_job_waits_as_long_as_it_says(http: httpx.Client, worker: str) -> None:
    for wait in (0.0, 0.4):
        begin = time.monotonic()
        answer = http.post(f"{WORKERS}/{worker}/claim", json={"wait_seconds": wait})
        assert (answer.status_code, answer.content) == (204, b"")
        assert wait <= time.monotonic() - begin < wait + SOON


def test_a_waiting_claim_gets_a_job_as_soon_as_there_is_one(
    url: str, http: httpx.Client, worker: str
) -> None:
    submitted: list[float] = []

    def submit() -> None:
        submitted.append(time.monotonic())
        httpx.post(f"{url}/api/v1/jobs", json={"problem": "bowl", "name": "mine"}, trust_env=False)

    timer = _later(0.3, submit)
    answer = http.post(f"{WORKERS}/{worker}/claim", json={"wait_seconds": 10})
    came = time.monotonic()
    timer.join()
    assert answer.status_code == 200
    assignment = answer.json()
    assert (assignment["name"], assignment["attempt"], assignment["spec"]["problem"]) == ("mine", 1, "bowl")
    assert came - submitted[0] < SOON
    shown = http.get(f"/api/v1/runs/{assignment['run']}").json()
    assert (shown["state"], shown["worker"]) == ("running", worker)
    assert (
        http.post(f"/api/v1/runs/{assignment['run']}/finish", json={"state": "completed"}).status_code == 200
    )


def test_a_cancel_reaches_a_waiting_worker_at_once(
    url: str, http: httpx.Client, worker: str, run: str
) -> None:
    held = {"runs": [{"run": run, "attempt": 1}], "wait_seconds": 10}
    cancelled: list[float] = []

    def cancel() -> None:
        cancelled.append(time.monotonic())
        httpx.post(f"{url}/api/v1/jobs/{run}/cancel", trust_env=False)

    timer = _later(0.3, cancel)
    commands = http.post(f"{WORKERS}/{worker}/heartbeat", json=held).json()["commands"]
    came = time.monotonic()
    timer.join()
    assert [(command["run"], command["attempt"], command["kind"]) for command in commands] == [
        (run, 1, "cancel")
    ]
    assert came - cancelled[0] < SOON
    sent = http.post(f"/api/v1/runs/{run}/records", content=steps(1, 1).model_dump_json())
    assert sent.json()["commands"] == ["cancel"]


def test_a_command_is_repeated_but_not_without_pause(http: httpx.Client, worker: str, run: str) -> None:
    held = {"runs": [{"run": run, "attempt": 1}], "wait_seconds": 1}
    http.post(f"/api/v1/jobs/{run}/cancel")
    begin = time.monotonic()
    for earliest in (0, 0.9):
        commands = http.post(f"{WORKERS}/{worker}/heartbeat", json=held).json()["commands"]
        assert [(command["run"], command["attempt"], command["kind"]) for command in commands] == [
            (run, 1, "cancel")
        ]
        assert time.monotonic() - begin >= earliest
    assert time.monotonic() - begin < 2 * SOON


def test_a_heartbeat_names_what_to_drop(http: httpx.Client, worker: str, run: str) -> None:
    held = {"runs": [{"run": run, "attempt": 1}, {"run": "x", "attempt": 1}], "wait_seconds": 10}
    commands = http.post(f"{WORKERS}/{worker}/heartbeat", json=held).json()["commands"]
    assert [(command["run"], command["attempt"], command["kind"]) for command in commands] == [
        ("x", 1, "drop")
    ]


def test_leaving_ends_the_workers_own_waiting(url: str, http: httpx.Client) -> None:
    worker = http.post(WORKERS, json=announcement().model_dump(mode="json")).json()["id"]
    timer = _later(0.3, lambda: httpx.delete(f"{url}{WORKERS}/{worker}", trust_env=False))
    begin = time.monotonic()
    assert http.post(f"{WORKERS}/{worker}/claim", json={"wait_seconds": 10}).status_code == 404
    assert time.monotonic() - begin < SOON
    timer.join()
    assert [shown["state"] for shown in http.get(WORKERS).json()["items"] if shown["id"] == worker] == [
        "gone"
    ]


def test_a_worker_that_has_hung_up_is_given_no_job(url: str, http: httpx.Client, worker: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{url}{WORKERS}/{worker}/claim", json={"wait_seconds": 20}, timeout=0.3, trust_env=False)
    run = http.post("/api/v1/jobs", json={"problem": "bowl"}).json()["id"]
    time.sleep(0.3)
    assert http.get(f"/api/v1/runs/{run}").json()["state"] == "queued"
    http.post(f"/api/v1/jobs/{run}/cancel")


def test_what_workers_announced_is_listed(http: httpx.Client, worker: str) -> None:
    assert [info["name"] for info in http.get("/api/v1/problems").json()["items"]] == ["bowl"]
    assert [info["name"] for info in http.get("/api/v1/optimizers").json()["items"]] == [
        "adam",
        "hessianfree",
    ]
    shown = next(item for item in http.get(WORKERS).json()["items"] if item["id"] == worker)
    assert (shown["name"], shown["state"], shown["problems"], shown["runs"]) == (
        "bench",
        "idle",
        ["bowl"],
        [],
    )
