"""A server for the tests of this folder that only use it, and a client of it."""

from collections.abc import Iterator

import pytest

from hessianfree_lab.client import Client
from hessianfree_lab.records import ScriptRun
from server.client.lab_server import LabServer, lab_server


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    with lab_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def client(shared_server: LabServer) -> Iterator[Client]:
    with shared_server.client() as client:
        yield client


@pytest.fixture
def run_id(client: Client) -> str:
    """A new run that takes records, attempt 1."""
    return client.create_run(ScriptRun(name="test")).id
