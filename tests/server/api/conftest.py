from collections.abc import Iterator
from pathlib import Path

import pytest

from hessianfree_lab.app import create_app
from hessianfree_lab.settings import Settings
from hessianfree_lab.store import Store, open_store
from server.api.in_process import JSON, InProcess, in_process
from server.makers import announcement


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, port=0)


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store()
    yield store
    store.close()


@pytest.fixture
def http(settings: Settings, store: Store) -> Iterator[InProcess]:
    with in_process(create_app(settings, store)) as client:
        yield client


@pytest.fixture
def worker(http: InProcess) -> str:
    """A registered worker that trains `bowl` with `hessianfree` and `adam`."""
    answer = http.post("/api/v1/workers", content=announcement().model_dump_json(), headers=JSON)
    assert answer.status_code == 201
    return answer.json()["id"]
