from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from hessianfree_lab.store import SqlStore, Store
from server.databases import database, empty


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with database("sqlite://") as engine:
        yield engine


@pytest.fixture
def store(engine: Engine) -> Store:
    return SqlStore(empty(engine), lease_seconds=20.0)
