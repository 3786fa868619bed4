"""The table of events does not grow without bound, and says so to who comes back late."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from hessianfree_lab.records import ScriptRun
from hessianfree_lab.store import SqlStore
from hessianfree_lab.store.tables import events
from server.databases import database
from server.makers import announcement, steps
from server.postgres import Postgres

KEPT = 200


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "postgres":
        cluster: Postgres = request.getfixturevalue("postgres")
        url = cluster.new_database()
    else:
        url = f"sqlite:///{tmp_path}/lab.sqlite"
    with database(url) as engine:
        yield engine


def test_old_events_are_dropped_but_the_latest_of_each_run(engine: Engine) -> None:
    store = SqlStore(engine, lease_seconds=20.0, kept_events=KEPT)
    store.add_worker(announcement())
    quiet = store.add_script_run(ScriptRun(name="quiet")).id
    run = store.add_script_run(ScriptRun(name="mine")).id
    begin = store.last_event_id()
    assert store.has_all_events_since(0)
    for number in range(1, 401):
        store.append(run, steps(number, number))
    with engine.connect() as connection:
        kept = connection.scalar(select(func.count()).select_from(events))
    assert kept is not None
    assert kept <= KEPT + 10
    last = store.last_event_id()
    assert not store.has_all_events_since(begin)
    assert not store.has_all_events_since(last - KEPT - 1)
    assert store.has_all_events_since(last - KEPT)
    # Who comes back from the beginning still hears what every run is like.
    found = store.events(0, limit=10_000)
    assert {event.data["id"] for event in found if event.kind == "run"} == {quiet, run}
    assert "workers" in {event.kind for event in found}
    # And who is not late misses nothing.
    recent = store.events(last - KEPT, runs=frozenset({run}), limit=10_000)
    drawn = [record["step"] for event in recent if event.kind == "steps" for record in event.data["steps"]]
    assert drawn == list(range(drawn[0], 401))
    assert len(drawn) >= KEPT // 2
    store.close()
