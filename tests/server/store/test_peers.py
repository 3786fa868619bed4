"""Servers that share a PostgreSQL hear of each other's commits, and one of them is on duty."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import psycopg
import pytest
from sqlalchemy import Engine

from hessianfree_lab.records import ScriptRun
from hessianfree_lab.store import SqlStore, open_store
from hessianfree_lab.store.interface import EVENTS, EVERYTHING, QUEUE, commands_for
from hessianfree_lab.store.ownership import alone
from server.databases import database, empty
from server.makers import announcement, spec
from server.postgres import Postgres

SECONDS = 30.0


class Server:
    """A store and its line to the others: what is heard on it, and whether it is on duty."""

    def __init__(self, engine: Engine) -> None:
        self.store = SqlStore(engine, lease_seconds=20.0)
        self.heard: list[frozenset[str]] = []
        self.is_on_duty = False

    async def duties(self) -> None:
        self.is_on_duty = True
        try:
            await asyncio.Event().wait()
        finally:
            self.is_on_duty = False

    @asynccontextmanager
    async def attending(self) -> AsyncIterator["Server"]:
        task = asyncio.create_task(self.store.peers.attend(self.heard.append, self.duties))
        try:
            await until(lambda: frozenset({EVERYTHING}) in self.heard)
            self.heard.clear()
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def place(postgres: Postgres) -> Iterator[tuple[str, Engine]]:
    url = postgres.new_database()
    with database(url) as engine:
        yield url, engine


@pytest.fixture
def engine(place: tuple[str, Engine]) -> Engine:
    return empty(place[1])


def test_each_hears_what_the_other_commits_and_not_itself(engine: Engine) -> None:
    async def scene() -> None:
        one, other = Server(engine), Server(engine)
        async with one.attending(), other.attending():
            worker = one.store.add_worker(announcement())
            run = one.store.add_job(spec())[0].id
            one.store.claim_job(worker)
            other.store.request_cancel(run)
            await until(lambda: len(other.heard) == 3 and len(one.heard) == 1)
            assert other.heard == [{EVENTS}, {EVENTS, QUEUE}, {EVENTS}]
            assert one.heard == [{EVENTS, commands_for(worker)}]
            with one.store._write() as tx:
                for number in range(1000):
                    tx.wake(commands_for(f"worker {number}"))
            await until(lambda: len(other.heard) == 4)
            assert other.heard[-1] == {EVERYTHING}  # where it is too much to say

    asyncio.run(scene())


def test_one_is_on_duty_and_the_next_when_it_is_gone(engine: Engine) -> None:
    async def scene() -> None:
        servers = [Server(engine) for _ in range(3)]

        def on_duty() -> list[Server]:
            return [server for server in servers if server.is_on_duty]

        async with AsyncExitStack() as first, AsyncExitStack() as others:
            await first.enter_async_context(servers[0].attending())
            await until(lambda: on_duty() == servers[:1])
            for server in servers[1:]:
                await others.enter_async_context(server.attending())
            await asyncio.sleep(1.5)  # time enough to take what is not free
            assert on_duty() == servers[:1]
            await first.aclose()
            await until(lambda: len(on_duty()) == 1)
            assert on_duty() != servers[:1]

    asyncio.run(scene())


def test_lines_that_are_cut_are_taken_up_again_and_then_whatever_was_said_counts_as_missed(
    engine: Engine, postgres: Postgres
) -> None:
    async def scene() -> None:
        one, other = Server(engine), Server(engine)
        async with one.attending(), other.attending():
            await until(lambda: one.is_on_duty or other.is_on_duty)
            with psycopg.connect(postgres.conninfo("postgres"), autocommit=True) as line:
                line.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    (engine.url.database,),
                )
            await until(lambda: {EVERYTHING} in one.heard and {EVERYTHING} in other.heard)
            await until(lambda: one.is_on_duty + other.is_on_duty == 1)
            one.heard.clear()
            other.store.add_script_run(ScriptRun(name="mine"))
            await until(lambda: one.heard == [{EVENTS}])

    asyncio.run(scene())


def test_nobody_has_a_database_alone_that_a_server_works_on(place: tuple[str, Engine]) -> None:
    url, engine = place

    async def scene() -> None:
        async with Server(engine).attending():
            with pytest.raises(Exception, match=r"A server works on the database .*: stop it first"):
                alone(url).__enter__()

    asyncio.run(scene())
    with alone(url):
        pass


def test_without_others_its_duties_are_its_own() -> None:
    store, done = open_store("sqlite://"), []

    async def duties() -> None:
        done.append(True)

    asyncio.run(store.peers.attend(done.append, duties))
    assert done == [True]
    store.close()
