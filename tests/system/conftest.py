"""A whole installation, started once for the tests that only use it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hessianfree_lab.client import Client
from system.launch import clean_environment, launched, wait_until

ANNOUNCE_SECONDS = 90.0


@dataclass(frozen=True, kw_only=True)
class Machine:
    """`hessianfree up`, ready to take jobs."""

    url: str
    environment: dict[str, str]  # names the server to the command line
    data_dir: Path

    def client(self) -> Client:
        return Client(self.url)


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Server and worker with two slots on a free port."""
    folder = tmp_path_factory.mktemp("machine")
    with launched(
        "up", "--port", "0", "--data-dir", folder / "data", "--slots", "2", output=folder / "up.log"
    ) as up:
        url = up.wait_for_url()
        with Client(url) as client:
            wait_until(lambda: bool(client.workers()), seconds=ANNOUNCE_SECONDS, what="a worker registers")
        yield Machine(
            url=url, environment=clean_environment(HESSIANFREE_SERVER=url), data_dir=folder / "data"
        )
