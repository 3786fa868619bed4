"""Batches that share a commit, turns at the database, and the log that commits go through."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import closing
from itertools import cycle
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from hessianfree_lab.errors import InvalidRequest, RunNotFound, StaleAttempt
from hessianfree_lab.records import ScriptRun
from hessianfree_lab.store import SqlStore
from hessianfree_lab.store.turns import Turns
from hessianfree_lab.store.wal import WalKeeper
from server.databases import database
from server.makers import batch, step, steps
from server.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/lab.sqlite"
    if request.param == "postgres":
        cluster: Postgres = request.getfixturevalue("postgres")
        url = cluster.new_database()
    with database(url) as engine:
        yield engine


@pytest.fixture
def store(engine: Engine) -> Iterator[SqlStore]:
    store = SqlStore(engine, lease_seconds=20.0)
    yield store
    store.close()


class _Held:
    """Whoever writes waits, so that batches gather."""

    def __init__(self, store: SqlStore) -> None:
        self._begun, self._end = threading.Event(), threading.Event()
        store.subscribe(lambda _: self._begun.set() or self._end.wait(30))
        self._thread = threading.Thread(target=store.add_script_run, args=(ScriptRun(name="in the way"),))
        self._thread.start()
        assert self._begun.wait(30)

    def let_go(self) -> None:
        self._end.set()
        self._thread.join()


def test_batches_that_wait_share_a_commit_and_not_their_faults(store: SqlStore, engine: Engine) -> None:
    runs = [store.add_script_run(ScriptRun(name=f"run {n}")).id for n in range(8)]
    commits: list[object] = []
    event.listen(engine, "commit", commits.append)
    held = _Held(store)
    commits.clear()
    good = [store.submit(run, steps(1, 5)) for run in runs]
    held.let_go()
    assert [reply.result(30).last_step for reply in good] == [5] * 8
    assert len(commits) < 8

    held = _Held(store)
    mixed = [
        store.submit(runs[0], steps(6, 7)),
        store.submit(runs[1], steps(6, 7, attempt=2)),
        store.submit("nothing", steps(6, 7)),
        store.submit(runs[2], batch(step(6).model_copy(update={"seconds": float("nan")}))),
        store.submit(runs[3], steps(6, 7)),
    ]
    held.let_go()
    wait(mixed, 30)
    assert [type(reply.exception()) for reply in mixed] == [
        type(None),
        StaleAttempt,
        RunNotFound,
        InvalidRequest,
        type(None),
    ]
    assert [store.get_run(run).progress.step for run in runs[:4]] == [7, 5, 5, 7]


def test_batches_of_one_run_keep_their_order(store: SqlStore) -> None:
    run = store.add_script_run(ScriptRun(name="mine")).id
    held = _Held(store)
    replies = [store.submit(run, steps(n, n)) for n in range(1, 101)]
    held.let_go()
    assert [reply.result(30).last_step for reply in replies] == list(range(1, 101))


def test_who_gives_up_takes_nothing_from_the_others(store: SqlStore) -> None:
    run = store.add_script_run(ScriptRun(name="mine")).id
    held = _Held(store)
    replies = [store.submit(run, steps(n, n)) for n in (1, 2, 3)]
    assert replies[1].cancel() or replies[2].cancel()
    held.let_go()
    for reply in replies:
        if not reply.cancelled():
            assert reply.result(30).last_step >= 1


def test_turns_are_given_in_the_order_of_asking() -> None:
    turns, order, waiting = Turns(), list[int](), list[threading.Thread]()

    def take(number: int) -> None:
        with turns:
            order.append(number)

    with turns:
        for number in range(10):
            thread = threading.Thread(target=take, args=(number,))
            thread.start()
            waiting.append(thread)
            while len(turns._waiting) <= number:
                pass
        # Who lets go and asks again at once comes after all of these.
        again = threading.Thread(target=take, args=(10,))
        again.start()
    for thread in (*waiting, again):
        thread.join(30)
    assert order == list(range(11))


def test_the_log_stays_short_though_somebody_always_reads(tmp_path: Path) -> None:
    path = tmp_path / "lab.sqlite"
    stop = threading.Event()
    begun = threading.Semaphore(0)

    def read() -> None:
        """Two readers take turns: the next one begins before the last one ends."""
        with (
            closing(sqlite3.connect(path, isolation_level=None)) as one,
            closing(sqlite3.connect(path, isolation_level=None)) as other,
        ):
            for reader, last in cycle([(one, other), (other, one)]):
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM filler").fetchone()
                if last.in_transaction:
                    last.execute("ROLLBACK")
                begun.release()
                if stop.wait(0.005):
                    return

    with (
        database(f"sqlite:///{path}") as engine,
        closing(sqlite3.connect(path, isolation_level=None)) as writer,
    ):
        keeper, longest = WalKeeper(engine, most_bytes=1 << 20), 0
        writer.execute("CREATE TABLE filler (x BLOB)")
        reading = threading.Thread(target=read)
        reading.start()
        assert begun.acquire(timeout=30)
        try:
            for _ in range(100):
                writer.execute("INSERT INTO filler VALUES (zeroblob(100000))")
                keeper.keep_short()
                longest = max(longest, Path(f"{path}-wal").stat().st_size)
                assert begun.acquire(timeout=30)
        finally:
            stop.set()
            reading.join()
    assert longest < 3 << 20
