"""A server whose pages and figures can be asked for."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server on a free port."""
    with running(Settings(data_dir=tmp_path_factory.mktemp("lab"), port=0)) as url:
        yield url


@pytest.fixture
def http(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server) as client:
        yield client


@pytest.fixture
def browse(http: httpx.Client) -> Iterator[httpx.Client]:
    """As a browser asks for pages."""
    with httpx.Client(base_url=http.base_url, headers={"Accept": "text/html"}) as client:
        yield client


@pytest.fixture
def token_server(tmp_path: Path) -> Iterator[str]:
    with running(Settings(data_dir=tmp_path, port=0, token="correct horse")) as url:
        yield url
