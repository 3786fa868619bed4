"""Silence counts only while the server was there to hear."""

import json
from collections.abc import Iterator

import pytest

from hessianfree_lab.logs import JsonLines
from hessianfree_lab.reaper import Reaper
from hessianfree_lab.records import HeldRun
from hessianfree_lab.store import Store, open_store
from server.store.clock import Clock


@pytest.fixture
def store(clock: Clock) -> Iterator[Store]:
    store = open_store(lease_seconds=20.0, clock=clock)
    yield store
    store.close()


def _look_for(reaper: Reaper, clock: Clock, seconds: int) -> list[str]:
    lost: list[str] = []
    for _ in range(0, seconds, 2):
        clock.advance(2)
        lost += [held.run for held in reaper.look()]
    return lost


def test_a_silent_attempt_is_lost_after_a_lease(
    store: Store, run: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[HeldRun] = []
    reaper = Reaper(store, lease_seconds=20.0, clock=clock, on_lost=told.append)
    assert _look_for(reaper, clock, 18) == []
    assert _look_for(reaper, clock, 6) == [run]
    assert told == [HeldRun(run=run, attempt=1)]
    (line,) = [json.loads(JsonLines().format(record)) for record in caplog.records]
    assert (line["level"], line["run"], line["attempt"]) == ("warning", run, 1)
    assert store.get_run(run).state == "queued"


def test_a_server_that_was_down_gives_a_whole_lease_again(store: Store, run: str, clock: Clock) -> None:
    clock.advance(3600)
    reaper = Reaper(store, lease_seconds=20.0, clock=clock)
    assert _look_for(reaper, clock, 18) == []
    assert _look_for(reaper, clock, 4) == [run]


def test_a_server_that_slept_gives_a_whole_lease_again(store: Store, run: str, clock: Clock) -> None:
    reaper = Reaper(store, lease_seconds=20.0, clock=clock)
    assert _look_for(reaper, clock, 10) == []
    clock.advance(3600)
    assert reaper.look() == []
    assert _look_for(reaper, clock, 18) == []
    assert _look_for(reaper, clock, 4) == [run]


def test_who_shows_up_in_time_is_kept(store: Store, run: str, worker: str, clock: Clock) -> None:
    reaper = Reaper(store, lease_seconds=20.0, clock=clock)
    for _ in range(5):
        assert _look_for(reaper, clock, 10) == []
        store.heartbeat(worker, [HeldRun(run=run, attempt=1)])
    assert store.get_run(run).state == "running"
