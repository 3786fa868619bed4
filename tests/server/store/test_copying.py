"""A database copied into one of another kind, and back, is the same database."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from hessianfree_lab.errors import ConfigurationError
from hessianfree_lab.records import Landscape, ScriptRun
from hessianfree_lab.records.table import NewView
from hessianfree_lab.records.tokens import TokenRequest
from hessianfree_lab.store import Store, open_store
from hessianfree_lab.store.copying import copy
from hessianfree_lab.store.engine import make_engine
from hessianfree_lab.store.ownership import served
from hessianfree_lab.store.tables import metadata
from server.makers import announcement, batch, finish, line, spec, spectrum, step, steps, trace
from server.postgres import Postgres
from server.store.contract.sweeps import begun, new_trial

Rows = dict[str, list[tuple[Any, ...]]]


def ignored(table: str, done: int, total: int) -> None:
    """What a copy says of its progress."""


def rows_of(url: str) -> Rows:
    """Every row of every table."""
    engine = make_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }
    engine.dispose()
    return found


def fill(store: Store) -> str:
    """Something of everything; the run that most of it is of."""
    worker = store.add_worker(announcement())
    run, _ = store.add_job(spec(tags=["mine"], notes="\N{SNOWMAN}"), idempotency_key="key")
    store.claim_job(worker)
    store.request_set(run.id, {"damping": 2.0})
    odd = step(2, loss=float("nan"), kind="text", flag=True, big=float("1e300"))
    store.append(run.id, batch(step(1), odd, cg=[trace(2)], spectra=[spectrum(2)], logs=[line(0, "hi")]))
    store.append(run.id, batch(landscape=Landscape(x=[0.0], y=[1.0], z=[[2.0]])))
    long = store.add_script_run(ScriptRun(name="long")).id
    store.append(long, steps(1, 2500))
    store.table.save_view(NewView(name="view", query="?q=x"))
    begun(store, new_trial(0), new_trial(1))
    token = store.access.create(TokenRequest(name="mine", role="read"))
    store.access.add_session("digest", token.id, timedelta(days=1))
    assert store.server_id
    return run.id


@pytest.fixture
def source(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/lab.sqlite"


def test_everything_arrives_and_goes_on_there_and_back(
    source: str, postgres: Postgres, tmp_path: Path
) -> None:
    store = open_store(source)
    run = fill(store)
    store.close()
    there, back = postgres.new_database(), f"sqlite:///{tmp_path}/back.sqlite"
    told: list[tuple[str, int, int]] = []
    copied = copy(source, there, lambda *progress: told.append(progress))
    before = rows_of(source)
    assert rows_of(there) == before
    assert [name for name, found in before.items() if not found] == []
    assert copied.rows == sum(map(len, before.values()))
    assert [(done, total) for name, done, total in told if name == "steps"][-1] == (2502, 2502)

    store = open_store(there)
    last = store.last_event_id()
    store.append(run, batch(step(3), logs=[line(1)]))
    store.finish(run, finish())
    assert [event.kind for event in store.events(last)] == ["run", "workers"]
    assert [entry.line.number for entry in store.logs(run)] == [0, 1]
    store.close()
    copy(there, back, ignored)
    assert rows_of(back) == rows_of(there) != before
    store = open_store(back)
    assert store.add_job(spec(), idempotency_key="key")[0].id == run
    store.append(store.add_script_run(ScriptRun(name="new")).id, batch(step(1), logs=[line(0)]))
    store.close()


def test_a_copy_that_is_cut_off_leaves_nothing_and_can_be_made_again(source: str, postgres: Postgres) -> None:
    store = open_store(source)
    fill(store)
    store.close()
    target = postgres.new_database()

    def cut(table: str, *_: int) -> None:
        if table == "steps":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(source, target, cut)
    assert not any(rows_of(target).values())
    copy(source, target, ignored)
    assert rows_of(target) == rows_of(source)


def test_what_cannot_be_copied_is_said_and_changes_nothing(
    source: str, postgres: Postgres, tmp_path: Path
) -> None:
    missing = f"sqlite:///{tmp_path}/missing.sqlite"
    with pytest.raises(ConfigurationError, match="There is no database at"):
        copy(missing, postgres.new_database(), ignored)
    assert not (tmp_path / "missing.sqlite").exists()

    open_store(source).close()
    target = postgres.new_database()
    with served(source), pytest.raises(ConfigurationError, match=r"A server works on the database .*stop it"):
        copy(source, target, ignored)

    store = open_store(target)
    store.add_script_run(ScriptRun(name="in the way"))
    store.close()
    with pytest.raises(ConfigurationError, match=r"is not empty: there are rows in .*runs.*Name a new one"):
        copy(source, target, ignored)

    engine = make_engine(source)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0014'"))
    engine.dispose()
    with pytest.raises(ConfigurationError, match=r"is of an older version: run `hessianfree db upgrade`"):
        copy(source, postgres.new_database(), ignored)
