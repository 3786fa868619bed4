"""Databases of every earlier version, with something in every table, are brought to this one's and lose nothing."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, DateTime, Engine, Float, Integer, LargeBinary, MetaData, Table, insert, select
from sqlalchemy.types import JSON

from hessianfree_lab.store import RunQuery, SqlStore
from hessianfree_lab.store.engine import WRITES, make_engine
from hessianfree_lab.store.migrate import CONNECTION, configuration, upgrade
from server.makers import NOON, finish, spec, steps, sweep
from server.postgres import Postgres

# From the first to the newest, whatever there is: nobody has to remember to add one.
REVISIONS = [
    script.revision
    for script in reversed(list(ScriptDirectory.from_config(configuration()).walk_revisions()))
]

# What the service itself would not read back from any text: the rest is told by a column's type.
MEANT: dict[str, dict[str, Any]] = {
    "runs": {
        "kind": "job",
        "state": "running",
        "cause": None,
        "spec": spec().model_dump(mode="json"),
        "attempt": 1,
        "max_attempts": 3,
        "since_attempt": 1,
        "step": 1,
        "cuda_device": None,
        "archived": False,
        "problem": "bowl",
    },
    "attempts": {"number": 1, "outcome": None, "cause": None, "first_step": 1, "ended_at": None},
    "steps": {"attempt": 1, "step": 1, "metrics": {"loss": 0.5, "odd": "NaN"}},
    "summaries": {
        "metric": "loss",
        "kind": "number",
        "odd_first": None,
        "odd_last": None,
        "first_step": 1,
        "last_step": 1,
        "best_step": 1,
    }
    | dict.fromkeys(("first", "last", "min", "max"), 0.5),
    "traces": {
        "attempt": 1,
        "step": 1,
        "trace": {"step": 1, "stop": "tolerance", "slice": [{"scale": 1.0, "loss": 2.0, "model": 1.5}]},
    },
    "spectra": {
        "attempt": 1,
        "step": 1,
        "spectrum": {
            "step": 1,
            "dimension": 2,
            "largest": 3.0,
            "largest_error": 0.0,
            "smallest": -1.0,
            "smallest_error": 0.0,
            "trace": 2.0,
            "nodes": [-1.0, 3.0],
            "weights": [0.5, 0.5],
            "probes": 1,
            "products": 2,
        },
    },
    "landscapes": {"landscape": {"x": [0.0], "y": [0.0], "z": [["NaN"]]}},
    "log_lines": {"attempt": 1, "number": 0, "stream": "stdout", "text": "hello"},
    "events": {"kind": "run"},
    "workers": {
        "devices": [{"name": "cpu"}],
        "problems": ["bowl"],
        "optimizers": ["adam"],
        "versions": {"torch": "2"},
        "supplies": {"bowl": {"shape.kind": ["round"]}},
        "load": [{"device": "cpu", "utilisation": 0.5}],
        "left_at": None,
    },
    "problems": {
        "name": "bowl",
        "info": {"name": "bowl", "title": "bowl", "description": "", "params_schema": {"type": "object"}},
    },
    "optimizers": {
        "name": "adam",
        "info": {"name": "adam", "title": "adam", "description": "", "params_schema": {"type": "object"}},
    },
    "controls": {"kind": "set", "settings": {"damping": 0.5}, "error": None},
    "tokens": {"role": "write", "revoked_at": None, "expires_at": None},
    "sweeps": {"state": "running", "spec": sweep().model_dump(mode="json")},
    "trials": {"params": {"optimizer_params.damping": 0.5}},
}
RUN, WORKER, TOKEN, SWEEP = (f"00000000-0000-7000-8000-00000000000{n}" for n in (1, 2, 3, 4))
IDS = {"run_id": RUN, "worker_id": WORKER, "token_id": TOKEN, "sweep_id": SWEEP}
OWN_IDS = {"runs": RUN, "workers": WORKER, "tokens": TOKEN, "sweeps": SWEEP}


@dataclass(frozen=True)
class Old:
    """A database at an earlier revision, and the rows that were put into it."""

    engine: Engine
    rows: dict[str, dict[str, Any]]


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/lab.sqlite"
    if request.param == "postgres":
        cluster: Postgres = request.getfixturevalue("postgres")
        url = cluster.new_database()
    engine = make_engine(url)
    yield engine
    engine.dispose()


def _value(table: Table, column: Any) -> Any:
    """Something that the column takes, and that is not its default."""
    meant = MEANT.get(table.name, {})
    if column.name in meant:
        return meant[column.name]
    if column.name == "id" and table.name in OWN_IDS:
        return OWN_IDS[table.name]
    if column.name in IDS:
        return IDS[column.name]
    match column.type:
        case Boolean():
            return True
        case DateTime():
            return NOON
        case Float():
            return 0.25
        case Integer():
            return 7
        case JSON():
            return {"kept": [1, None, "NaN"]}
        case LargeBinary():
            return bytes(range(16))
        case kind:
            return "kept"[: kind.length] if kind.length else "kept"


def _reflected(engine: Engine) -> MetaData:
    found = MetaData()
    found.reflect(engine)
    return found


def _make(engine: Engine, revision: str) -> Old:
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        config = configuration()
        config.attributes[CONNECTION] = connection
        command.upgrade(config, revision)
    tables = [table for table in _reflected(engine).sorted_tables if table.name != "alembic_version"]
    rows = {table.name: {column.name: _value(table, column) for column in table.columns} for table in tables}
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        for table in tables:
            connection.execute(insert(table), rows[table.name])
    return Old(engine, rows)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return bytes(value) if isinstance(value, memoryview) else value


@pytest.mark.parametrize("revision", REVISIONS)
def test_everything_is_still_there(engine: Engine, revision: str) -> None:
    old = _make(engine, revision)
    assert old.rows.keys() >= {"runs", "steps", "summaries", "events", "log_lines", "workers"}
    upgrade(engine)
    tables = _reflected(engine).tables
    with engine.connect() as connection:
        for name, row in old.rows.items():
            (found,) = connection.execute(select(tables[name])).mappings()
            assert {column: _plain(found[column]) for column in row} == row, name
    upgrade(engine)  # once more changes nothing


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_store_reads_it_and_goes_on(engine: Engine, revision: str) -> None:
    old = _make(engine, revision)
    upgrade(engine)
    store = SqlStore(engine, lease_seconds=20.0, clock=lambda: NOON)
    (run,) = store.list_runs(RunQuery(archived=None)).items
    assert (run.id, run.state, run.notes, run.worker) == (RUN, "running", "kept", WORKER)
    assert run.summary["loss"].last == 0.5
    assert [record.metrics["loss"] for record in store.rows(RUN)] == [0.5]
    assert store.series(RUN, ["loss"], max_points=10).values == {"loss": [0.5]}
    assert [entry.line.text for entry in store.logs(RUN)] == ["hello"]
    assert store.trace(RUN, 1).stop == "tolerance"
    assert store.solves.latest(RUN, sliced=True) == store.trace(RUN, 1)
    assert store.landscape(RUN) is not None
    assert store.spectrum_steps(RUN) == ([1] if "spectra" in old.rows else [])
    assert [worker.id for worker in store.workers()] == [WORKER]
    assert [info.name for info in store.problems()] == ["bowl"]
    assert [attempt.number for attempt in store.attempts(RUN)] == [1]
    has_sweeps = "sweeps" in old.rows
    assert [len(found.runs) for s in store.sweeps.running() for found in store.sweeps.trials(s.id)] == [
        1
    ] * has_sweeps
    assert len(store.controls(RUN)) == ("controls" in old.rows)
    assert [event.kind for event in store.events(0, runs=frozenset({RUN}))] == ["run"]
    store.append(RUN, steps(2, 3))
    assert store.finish(RUN, finish()).progress.step == 3
    again = store.requeue(RUN, from_scratch=True)
    assert (again.state, list(store.rows(RUN))) == ("queued", [])
    store.remove_run(RUN)
    new, _ = store.add_job(spec())
    assert store.get_run(new.id).state == "queued"


def test_documents_with_nul_characters_can_be_looked_into(engine: Engine) -> None:
    """Earlier versions wrote them, and PostgreSQL then refused every query over all runs."""
    old = _make(engine, "0009")
    text = r'["\u0000", "\u0000\u0000", "\\u0000", "\\\u0000"]'
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        for table, column in (("runs", "spec"), ("steps", "metrics"), ("traces", "trace")):
            found = json.dumps(old.rows[table][column])[:-1] + f', "word": {text}}}'
            connection.exec_driver_sql(f"UPDATE {table} SET {column} = '{found}'")
    upgrade(engine)
    store = SqlStore(engine, lease_seconds=20.0, clock=lambda: NOON)
    (run,) = store.list_runs(RunQuery(filter="budget.steps = 100", sort="budget.steps", archived=None)).items
    assert store.series(RUN, ["loss"], max_points=10).values == {"loss": [0.5]}
    assert len(store.solves.sample(RUN).solves) == 1
    if engine.dialect.name == "postgresql":
        nul = "\N{REPLACEMENT CHARACTER}"
        assert run.spec["word"] == [nul, nul * 2, r"\u0000", "\\" + nul]


def test_revisions_are_one_line_and_named_after_their_files() -> None:
    """Two that follow the same one would leave it to chance which is run first."""
    scripts = ScriptDirectory.from_config(configuration())
    assert len(scripts.get_heads()) == 1
    for script in scripts.walk_revisions():
        assert re.match(rf"{script.revision}_\w+\.py$", Path(script.path).name)
        assert not isinstance(script.down_revision, tuple)
    assert sorted(REVISIONS) == REVISIONS
