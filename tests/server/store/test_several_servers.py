"""Several servers at one PostgreSQL: each of two stores does something while the other is in the midst of a write."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
from sqlalchemy import Engine

from hessianfree_lab.records import ScriptRun
from hessianfree_lab.records.tokens import TokenRequest
from hessianfree_lab.store import SqlStore, ingest, jobs
from server.databases import database, empty
from server.makers import announcement, spec, steps
from server.postgres import Postgres

SECONDS = 30.0
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


class Servers(NamedTuple):
    one: SqlStore
    other: SqlStore
    line: psycopg.Connection[Any]  # to look at what they do

    def at_once(self, ask: Callable[[], Any], *, waiting: int = 1) -> "Asked":
        """Ask in a thread, and return once that has its answer, or so many wait for others in the database."""
        asked = Asked(ask)
        until = time.monotonic() + SECONDS
        while not asked.done():
            found = self.line.execute(WAITING).fetchone()
            if found is not None and found[0] >= waiting:
                break
            assert time.monotonic() < until
            time.sleep(0.005)
        return asked


class Asked:
    def __init__(self, ask: Callable[[], Any]) -> None:
        self._answers: list[Any] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(ask()))
        self._thread.start()

    def done(self) -> bool:
        return not self._thread.is_alive()

    def answer(self) -> Any:
        self._thread.join(SECONDS)
        (answer,) = self._answers
        return answer


@pytest.fixture(scope="module")
def engines(postgres: Postgres) -> Iterator[tuple[Engine, Engine, str]]:
    url = postgres.new_database()
    conninfo = postgres.conninfo(url.partition("@/")[2].partition("?")[0])
    with database(url) as one, database(url) as other:
        yield one, other, conninfo


@pytest.fixture
def servers(engines: tuple[Engine, Engine, str]) -> Iterator[Servers]:
    one, other, conninfo = engines
    empty(one)
    with psycopg.connect(conninfo, autocommit=True) as line:
        yield Servers(SqlStore(one, lease_seconds=20.0), SqlStore(other, lease_seconds=20.0), line)


def test_a_claim_passes_over_the_job_that_is_being_claimed_elsewhere(servers: Servers) -> None:
    one, other, _ = servers
    first, second = (one.add_job(spec())[0].id for _ in range(2))
    workers = [one.add_worker(announcement()) for _ in range(3)]
    with one._write_beside() as tx:
        mine = jobs.claim(tx, workers[0], None)
        theirs = other.claim_job(workers[1])
        assert other.claim_job(workers[2]) is None
    assert mine is not None
    assert theirs is not None
    assert (mine.run, theirs.run) == (first, second)


def test_what_is_told_first_and_committed_last_is_read_all_the_same(servers: Servers) -> None:
    one, other, _ = servers
    early, late = (one.add_script_run(ScriptRun(name=name)).id for name in ("early", "late"))
    start = one.last_event_id()
    with one._write_beside() as tx:
        ingest.append(tx, early, steps(1, 1))
        other.append(late, steps(1, 1))
        heard = other.events(start)
    assert [event.data["id"] for event in heard] == [late]
    assert [event.data["id"] for event in other.events(heard[-1].id)] == [early]


def test_ids_of_events_become_visible_in_their_order(servers: Servers) -> None:
    """Though the one that has the lower ones takes its time between having them and its commit."""
    one, other, line = servers
    early, late = (one.add_script_run(ScriptRun(name=name)).id for name in ("early", "late"))
    start = one.last_event_id()
    line.execute(f"""
        CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.run_id = '{early}' THEN PERFORM pg_advisory_xact_lock(1); END IF; RETURN NEW; END $$;
        CREATE TRIGGER dawdle AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION dawdle();
        SELECT pg_advisory_lock(1)
    """)
    try:
        first = servers.at_once(lambda: one.append(early, steps(1, 1)))
        second = servers.at_once(lambda: other.append(late, steps(1, 1)), waiting=2)
        heard = list(one.events(start, runs=frozenset({early, late})))
        line.execute("SELECT pg_advisory_unlock(1)")
        assert (first.answer().last_step, second.answer().last_step) == (1, 1)
    finally:
        line.execute("SELECT pg_advisory_unlock_all()")
        line.execute("DROP TRIGGER dawdle ON events; DROP FUNCTION dawdle")
    heard += one.events(heard[-1].id if heard else start, runs=frozenset({early, late}))
    assert {event.data["run"] for event in heard if event.kind == "steps"} == {early, late}


def test_two_that_record_one_run_take_turns(servers: Servers) -> None:
    one, other, _ = servers
    run = one.add_script_run(ScriptRun(name="mine")).id
    one.append(run, steps(1, 1))
    with one._write_beside() as tx:
        tx.hold_runs([run])
        ingest.append(tx, run, steps(3, 3, loss=0.1))
        asked = servers.at_once(lambda: other.append(run, steps(2, 2, loss=7.0)))
        assert not asked.done()
    assert asked.answer().last_step == 3
    summary = one.get_run(run).summary["loss"]
    assert (summary.first, summary.max, summary.min, summary.last) == (1.0, 7.0, 0.1, 0.1)


def test_batches_of_many_runs_and_their_heartbeats_never_wait_for_each_other_for_good(
    servers: Servers,
) -> None:
    runs = [servers.one.add_script_run(ScriptRun(name=str(number))).id for number in range(4)]

    def record(store: SqlStore, order: list[str], first: int) -> list[int]:
        asked = [store.submit(run, steps(number, number)) for number in range(first, 100, 2) for run in order]
        return [reply.result(SECONDS).last_step for reply in asked]

    one, other = (
        Asked(lambda store=store, order=order, first=first: record(store, order, first))
        for store, order, first in ((servers.one, runs, 1), (servers.other, runs[::-1], 2))
    )
    one.answer(), other.answer()
    assert [servers.one.get_run(run).progress.step for run in runs] == [99] * 4
    assert all(len(list(servers.one.rows(run))) == 99 for run in runs)


def test_a_key_seen_at_both_at_once_makes_one_run(servers: Servers) -> None:
    one, other, _ = servers
    with one._write() as tx:
        made, _ = jobs.add(tx, "00000000-0000-0000-0000-000000000001", spec(), "key")
        asked = servers.at_once(lambda: other.add_job(spec(), idempotency_key="key"))
        assert not asked.done()
    found, is_new = asked.answer()
    assert (found.id, is_new) == (made.id, False)


def test_both_say_that_it_is_the_same_database(servers: Servers) -> None:
    with servers.one._write():
        asked = [
            Asked(lambda store=store: store.server_id)
            for store in (servers.other, SqlStore(servers.other._database._engine, lease_seconds=20.0))
        ]
    assert len({each.answer() for each in asked} | {servers.one.server_id}) == 1


def test_what_one_does_to_tokens_the_other_knows(servers: Servers) -> None:
    one, other, _ = servers
    assert not other.access.has_tokens()
    token = one.access.create(TokenRequest(name="mine", role="read"))
    assert other.access.has_tokens()
    assert other.access.find(token.secret) is not None
    one.access.revoke(token.id)
    assert other.access.find(token.secret) is None
    assert other.access.revoked() == {token.id}


def test_who_says_nothing_in_the_midst_of_a_transaction_is_given_up(servers: Servers) -> None:
    with servers.one._read() as tx:
        for setting in ("idle_in_transaction_session_timeout", "lock_timeout"):
            assert tx.connection.exec_driver_sql(f"SHOW {setting}").scalar() not in (None, "0")
