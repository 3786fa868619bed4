"""Each back end keeps the contract."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from hessianfree_lab.store import SqlStore
from server.databases import database, empty
from server.postgres import Postgres
from server.store.clock import Clock
from server.store.contract import StoreContract
from server.store.in_turns import InTurns


@pytest.fixture(scope="module")
def file_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with database(f"sqlite:///{tmp_path_factory.mktemp('lab')}/lab.sqlite") as engine:
        yield engine


@pytest.fixture(scope="module")
def memory_engine() -> Iterator[Engine]:
    with database("sqlite://") as engine:
        yield engine


@pytest.fixture(scope="module")
def postgres_engine(postgres: Postgres) -> Iterator[Engine]:
    with database(postgres.new_database()) as engine:
        yield engine


class TestSqliteFile(StoreContract):
    @pytest.fixture
    def store(self, file_engine: Engine, clock: Clock) -> SqlStore:
        return SqlStore(empty(file_engine), lease_seconds=20.0, clock=clock)


class TestInMemory(StoreContract):
    @pytest.fixture
    def store(self, memory_engine: Engine, clock: Clock) -> SqlStore:
        return SqlStore(empty(memory_engine), lease_seconds=20.0, clock=clock)


class TestPostgres(StoreContract):
    """Of two servers at one database, each asked in turn: what one has written the other knows at once."""

    @pytest.fixture
    def store(self, postgres_engine: Engine, clock: Clock) -> InTurns:
        empty(postgres_engine)
        return InTurns(SqlStore(postgres_engine, lease_seconds=20.0, clock=clock) for _ in range(2))
