"""The event stream over a real connection."""

import math
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from server.api.live import streaming
from server.makers import batch, line, step, steps

RUNS = "/api/v1/runs"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory: Path = tmp_path_factory.mktemp("lab")
    with running(Settings(data_dir=directory, port=0)) as url:
        yield url


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, trust_env=False) as client:
        yield client


@pytest.fixture
def run(http: httpx.Client) -> str:
    return http.post(RUNS, json={"name": "mine"}).json()["id"]


def _send(http: httpx.Client, run: str, *numbers: int) -> None:
    sent = steps(min(numbers), max(numbers))
    assert http.post(f"{RUNS}/{run}/records", content=sent.model_dump_json()).status_code == 200


def test_a_named_run_brings_its_steps_logs_and_state(url: str, http: httpx.Client, run: str) -> None:
    with streaming(url, params={"runs": run}) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        sent = batch(step(1, loss=math.nan), step(2), logs=[line(0, "two\nlines")])
        http.post(f"{RUNS}/{run}/records", content=sent.model_dump_json())
        stream.wait_for(lambda s: {"steps", "logs", "run"} <= set(s.kinds()))
        (came,) = stream.of("steps")
        assert (came["run"], came["attempt"]) == (run, 1)
        assert came["steps"][0] == {
            "step": 1,
            "wall_time": "2026-03-01T12:00:01Z",
            "seconds": 0.5,
            "metrics": {"loss": "NaN"},
        }
        assert [text["text"] for text in stream.of("logs")[0]["lines"]] == ["two\nlines"]
        assert stream.of("run")[-1] == http.get(f"{RUNS}/{run}").json()
        http.post(f"{RUNS}/{run}/finish", json={"state": "completed"})
        stream.wait_for(lambda s: s.of("run")[-1]["state"] == "completed")
        http.delete(f"{RUNS}/{run}")
        stream.wait_for(lambda s: s.of("removed") == [{"run": run}])


def test_others_are_not_heard(url: str, http: httpx.Client, run: str) -> None:
    other = http.post(RUNS, json={"name": "other"}).json()["id"]
    with streaming(url, params={"runs": run}) as stream:
        _send(http, other, 1, 2)
        _send(http, run, 1, 2)
        stream.wait_for(lambda s: s.of("steps"))
        assert {data["run"] for data in stream.of("steps")} == {run}
        assert {data["id"] for data in stream.of("run")} <= {run}


def test_the_overview_shows_every_run_but_no_steps(url: str, http: httpx.Client, run: str) -> None:
    with streaming(url) as stream:
        other = http.post(RUNS, json={"name": "other"}).json()["id"]
        _send(http, run, 1, 2)
        stream.wait_for(lambda s: {data["id"] for data in s.of("run")} == {run, other})
        assert set(stream.kinds()) == {"run"}


def test_the_overview_is_at_most_a_few_a_second(url: str, http: httpx.Client, run: str) -> None:
    with streaming(url) as stream:
        begin = time.monotonic()
        for number in range(1, 101):
            _send(http, run, number)
        seconds = time.monotonic() - begin
        stream.wait_for(lambda s: s.of("run") and s.of("run")[-1]["progress"]["step"] == 100)
        assert len(stream.of("run")) <= 3 + 4 * seconds


def test_nothing_is_missed_between_two_connections(url: str, http: httpx.Client, run: str) -> None:
    with streaming(url, params={"runs": run}) as stream:
        _send(http, run, 1)
        stream.wait_for(lambda s: s.of("steps"))
        last = stream.messages[-1]["id"]
    for number in range(2, 12):
        _send(http, run, number)
    ways = [
        {"headers": {"Last-Event-ID": last}},
        {"params": {"after": last}},
        {"headers": {"Last-Event-ID": last}, "params": {"after": "0"}},
    ]
    for way in ways:
        with streaming(url, **(way | {"params": {"runs": run} | way.get("params", {})})) as stream:
            stream.wait_for(lambda s: s.of("steps") and s.of("steps")[-1]["steps"][-1]["step"] == 11)
            numbers = {record["step"] for data in stream.of("steps") for record in data["steps"]}
            assert set(range(2, 12)) <= numbers


def test_a_stream_begins_now(url: str, http: httpx.Client, run: str) -> None:
    _send(http, run, 1, 5)
    for options in ({}, {"headers": {"Last-Event-ID": str(10**12)}}, {"headers": {"Last-Event-ID": "x"}}):
        with streaming(url, **options, params={"runs": run}) as stream:
            assert stream.messages[0].keys() >= {"id", "retry"}
            _send(http, run, 6, 7)
            http.patch(f"{RUNS}/{run}", json={"notes": "n"})
            stream.wait_for(lambda s: s.of("run"))
            assert all(record["step"] > 5 for data in stream.of("steps") for record in data["steps"])


def test_a_step_is_seen_soon_after_it_is_sent(url: str, http: httpx.Client, run: str) -> None:
    delays = []
    with streaming(url, params={"runs": run}) as stream:
        for number in range(1, 21):
            sent = time.monotonic()
            _send(http, run, number)
            stream.wait_for(lambda s, n=number: s.of("steps") and s.of("steps")[-1]["steps"][-1]["step"] == n)
            delays.append(stream.messages[-1]["at"] - sent)
    assert sorted(delays)[len(delays) // 2] < 0.25
