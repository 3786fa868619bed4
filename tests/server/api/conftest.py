from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from hessianfree_lab.app import create_app
from hessianfree_lab.settings import Settings
from hessianfree_lab.store import SqlStore, Store
from server.api.in_process import JSON, InProcess, in_process
from server.databases import database, empty
from server.makers import announcement


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, port=0)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    # In a file: the application looks for lost leases from a thread of its own while tests empty the tables.
    with database(f"sqlite:///{tmp_path_factory.mktemp('lab')}/lab.sqlite") as engine:
        yield engine


@pytest.fixture(scope="session")
def shared_store(engine: Engine) -> Store:
    return SqlStore(engine, lease_seconds=20.0)


@pytest.fixture(scope="session")
def shared_http(shared_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(
        create_app(Settings(data_dir=tmp_path_factory.mktemp("lab"), port=0), shared_store)
    ) as client:
        yield client


@pytest.fixture
def store(engine: Engine, shared_store: Store) -> Store:
    """An empty store."""
    empty(engine)
    return shared_store


@pytest.fixture
def http(store: Store, shared_http: InProcess) -> InProcess:
    """A client of an application on the empty store."""
    return shared_http


@pytest.fixture
def worker(http: InProcess) -> str:
    """A registered worker that trains `bowl` with `hessianfree` and `adam`."""
    answer = http.post("/api/v1/workers", content=announcement().model_dump_json(), headers=JSON)
    assert answer.status_code == 201
    return answer.json()["id"]
