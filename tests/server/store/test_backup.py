"""Backups made while everybody writes, and what becomes of a database that one is put in the place of."""

import math
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hessianfree_lab.cli.app import app
from hessianfree_lab.errors import ConfigurationError, LabError
from hessianfree_lab.records import ScriptRun
from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from hessianfree_lab.store import RunQuery, Store, open_store
from hessianfree_lab.store.backup import back_up, faults_of, restore
from server.makers import batch, line, step

BATCH = 7


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/hessianfree.sqlite"


def _db(*arguments: object, data: Path) -> Result:
    return CliRunner().invoke(app, ["db", *map(str, arguments), "--data-dir", str(data)])


@contextmanager
def _recording(store: Store, runs: list[str]) -> Iterator[None]:
    """Every run gets steps from a thread of its own; each has some already."""
    stop, going = threading.Event(), threading.Barrier(len(runs) + 1)

    def record(run: str) -> None:
        first = 1
        while not stop.is_set():
            numbers = range(first, first + BATCH)
            values = [step(n, loss=math.sin(n), even=n % 2 == 0) for n in numbers]
            store.append(run, batch(*values, logs=[line(n) for n in numbers]))
            first += BATCH
            if first == 1 + 5 * BATCH:
                going.wait(30)

    threads = [threading.Thread(target=record, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    try:
        going.wait(30)
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def _assert_consistent(path: Path) -> int:
    """Whole batches, from the first on, and everything that is said of them; how many steps there are."""
    assert faults_of(path) == []
    assert not [side for side in ("-wal", "-shm", "-journal") if Path(f"{path}{side}").exists()]
    store, total = open_store(f"sqlite:///{path}"), 0
    for run in store.list_runs(RunQuery(limit=200)).items:
        steps = list(store.rows(run.id))
        numbers = [record.step for record in steps]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) % BATCH == 0
        assert [entry.line.number for entry in store.logs(run.id, limit=10**6)] == numbers
        losses = [record.metrics["loss"] for record in steps]
        found = run.summary["loss"]
        assert (found.first, found.last, found.min, found.max) == (
            losses[0],
            losses[-1],
            min(losses),
            max(losses),
        )
        assert run.progress.step == len(numbers)
        total += len(numbers)
    store.close()
    return total


def test_a_backup_under_load_is_of_one_moment(url: str, tmp_path: Path) -> None:
    store = open_store(url)
    runs = [store.add_script_run(ScriptRun(name=f"run {n}")).id for n in range(4)]
    with _recording(store, runs):
        totals = [_assert_consistent(back_up(url, tmp_path / f"copy {n}.sqlite")) for n in range(5)]
    assert totals == sorted(totals)
    assert totals[0] >= 4 * 5 * BATCH
    assert totals[-1] <= sum(store.get_run(run).progress.step for run in runs)
    store.close()


def test_commands_beside_a_running_server(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy.sqlite"
    with running(Settings(data_dir=data, port=0)):
        made = _db("backup", copy, data=data)
        assert (made.exit_code, made.stdout) == (0, f"The database is copied to {copy}.\n")
        assert _db("check", data=data).stdout == f"{data}/hessianfree.sqlite is whole.\n"
        refused = _db("restore", copy, data=data)
        assert isinstance(refused.exception, LabError)
        assert "Another server already runs on the data directory" in str(refused.exception)
    restored = _db("restore", copy, data=data)
    assert restored.exit_code == 0
    assert "What was there before is" in restored.stdout


def test_a_restored_database_is_the_one_that_was_backed_up(url: str, tmp_path: Path) -> None:
    store = open_store(url)
    kept = store.add_script_run(ScriptRun(name="kept"))
    store.append(kept.id, batch(step(1)))
    known = store.server_id
    copy = back_up(url, tmp_path)
    store.add_script_run(ScriptRun(name="since then"))
    store.close()

    aside = restore(url, copy)
    assert aside is not None
    for path, names in ((tmp_path / "hessianfree.sqlite", ["kept"]), (aside, ["since then", "kept"])):
        store = open_store(f"sqlite:///{path}")
        assert [run.name for run in store.list_runs(RunQuery()).items] == names
        assert [record.step for record in store.rows(kept.id)] == [1]
        assert store.server_id == known
        store.close()


def test_what_stands_in_the_log_alone_is_set_aside_too(url: str, tmp_path: Path) -> None:
    """As after a kill: nobody has written the log back, and it must not be taken for the new database's."""
    copy = back_up(_with_runs(url, "old"), tmp_path)
    path = tmp_path / "hessianfree.sqlite"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("UPDATE runs SET name = 'newest'")
        writer.commit()
        left = {side: Path(f"{path}{side}").read_bytes() for side in ("", "-wal", "-shm")}
    for side, content in left.items():
        Path(f"{path}{side}").write_bytes(content)
    aside = restore(url, copy)
    assert _names(path) == ["old"]
    assert _names(aside) == ["newest"]


def test_a_damaged_database_can_be_replaced(url: str, tmp_path: Path) -> None:
    """What is left of its log is not taken for the new one's."""
    copy = back_up(_with_runs(url, "old"), tmp_path)
    path = tmp_path / "hessianfree.sqlite"
    path.write_bytes(b"garbage" * 1000)
    Path(f"{path}-wal").write_bytes(b"junk")
    aside = restore(url, copy)
    assert aside is not None
    assert aside.read_bytes() == b"garbage" * 1000
    assert not Path(f"{path}-wal").exists()
    assert _names(path) == ["old"]


def _with_runs(url: str, *names: str) -> str:
    store = open_store(url)
    for name in names:
        store.add_script_run(ScriptRun(name=name))
    store.close()
    return url


def _names(path: Path | None) -> list[str]:
    with closing(sqlite3.connect(str(path))) as connection:
        return [row[0] for row in connection.execute("SELECT name FROM runs ORDER BY id")]


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda path: path.write_bytes(b"Dear diary"), "no database of HessianFree Lab"),
        (lambda path: path.write_bytes(path.read_bytes()[:8192]), "malformed|Tree|page|no database"),
        (lambda path: path.unlink(), "There is no backup at"),
        (
            lambda path: _execute(path, "UPDATE alembic_version SET version_num = '9999'"),
            "its revision '9999' is not known to this version",
        ),
        (lambda path: _execute(path, "DROP TABLE alembic_version"), "no database of HessianFree Lab"),
        (lambda path: _execute(path, "DELETE FROM runs"), "1 rows belong to rows that are not there"),
    ],
    ids=["text", "cut off", "gone", "newer", "another program's", "orphans"],
)
def test_a_bad_backup_changes_nothing(url: str, tmp_path: Path, spoil: object, complaint: str) -> None:
    copy = back_up(_with_runs(url, "kept"), tmp_path / "copy.sqlite")
    spoil(copy)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ConfigurationError, match=complaint):
        restore(url, copy)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def _execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


def test_damage_is_found(tmp_path: Path) -> None:
    _with_runs(f"sqlite:///{tmp_path}/hessianfree.sqlite", *(f"run {n}" for n in range(300)))
    path = tmp_path / "hessianfree.sqlite"
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096] = b"\x7f" * 4096
    path.write_bytes(content)
    found = _db("check", data=tmp_path)
    assert found.exit_code == 1
    assert str(path) in found.stderr


@pytest.mark.parametrize("command", ["backup", "restore", "check"])
def test_other_databases_have_their_own_tools(tmp_path: Path, command: str) -> None:
    arguments = ["db", command, "--data-dir", str(tmp_path), "--database-url", "postgresql://somewhere/lab"]
    refused = CliRunner().invoke(app, arguments + ([] if command == "check" else [str(tmp_path / "copy")]))
    assert isinstance(refused.exception, ConfigurationError)
    assert "use its own tools, such as pg_dump and pg_restore" in str(refused.exception)


def test_nothing_is_overwritten(url: str, tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("mine")
    with pytest.raises(ConfigurationError, match="is there already: name a new file"):
        back_up(_with_runs(url), tmp_path / "copy")
    with pytest.raises(ConfigurationError, match=r"cannot be made: no such file or directory|unable to open"):
        back_up(url, tmp_path / "nowhere" / "copy")
    assert (tmp_path / "copy").read_text() == "mine"
