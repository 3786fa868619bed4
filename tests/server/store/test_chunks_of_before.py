"""Chunks that were written before clocks were part of them: reading is slower, and no different."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, delete

from hessianfree_lab.records import ScriptRun
from hessianfree_lab.records.series import Window
from hessianfree_lab.store import SqlStore
from hessianfree_lab.store.engine import WRITES
from hessianfree_lab.store.rows import CLOCKS
from hessianfree_lab.store.tables import chunks
from server.databases import database
from server.makers import steps


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with database("sqlite://") as engine:
        yield engine


@pytest.mark.parametrize("x", ["seconds", "wall_time", "elapsed"])
def test_a_plot_along_a_clock_is_the_same_without_its_columns(engine: Engine, x: str) -> None:
    store = SqlStore(engine, lease_seconds=20.0)
    run = store.add_script_run(ScriptRun(name="long")).id
    store.append(run, steps(1, 5000))
    window = Window(x=x, points=100)
    known = store.recordings([run], ["loss"], window)[0].series
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        found = connection.execute(delete(chunks).where(chunks.c.metric.in_(CLOCKS), chunks.c.run_id == run))
        assert found.rowcount >= 6
    # A store that has kept nothing.
    assert SqlStore(engine, lease_seconds=20.0).recordings([run], ["loss"], window)[0].series == known
