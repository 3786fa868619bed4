"""Two who come to one database at the same time."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hessianfree_lab.errors import ConfigurationError
from hessianfree_lab.store import open_store
from hessianfree_lab.store.migrate import MIGRATING
from hessianfree_lab.store.ownership import alone, served
from server.postgres import Postgres

_UPGRADE = """
import sys
from hessianfree_lab.store import open_store
sys.stdin.readline()
open_store(sys.argv[1]).close()
"""


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/lab.sqlite"
    cluster: Postgres = request.getfixturevalue("postgres")
    return cluster.new_database()


@pytest.fixture
def starting(url: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that open the same new database as soon as they are told to."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _UPGRADE, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def test_several_that_start_at_once_make_the_tables_once(starting: list[subprocess.Popen[str]]) -> None:
    for process in starting:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in starting:
        _, complaints = process.communicate(timeout=60)
        assert (process.returncode, complaints) == (0, "")


def test_who_upgrades_a_postgresql_waits_for_who_does_already(postgres: Postgres) -> None:
    url = postgres.new_database()
    conninfo = postgres.conninfo(url.partition("@/")[2].partition("?")[0])
    upgrading = threading.Thread(target=lambda: open_store(url).close())
    with psycopg.connect(conninfo, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (MIGRATING,))
        upgrading.start()
        deadline = time.monotonic() + 60
        while not other.execute(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        ).fetchone():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        assert other.execute(tables).fetchone() == (0,)
        other.execute("SELECT pg_advisory_unlock(%s)", (MIGRATING,))
        upgrading.join(60)
        assert other.execute(tables).fetchone() != (0,)


def test_a_sqlite_file_has_one_server_and_a_postgresql_any_number(url: str) -> None:
    with served(url):
        second = served(url)
        if url.startswith("sqlite"):
            with pytest.raises(ConfigurationError, match="Another server already works on"):
                second.__enter__()
        else:
            with second:
                pass
    with served(url):  # its end is heard of at once
        pass


def test_who_needs_a_database_alone_keeps_servers_from_it(url: str) -> None:
    with alone(url):
        server = served(url)
        with pytest.raises(ConfigurationError, match=r"is being copied|Another server already works on"):
            server.__enter__()
    with served(url):
        pass


def test_a_postgresql_that_is_not_there_is_said_in_a_sentence(tmp_path: Path) -> None:
    nowhere = served(f"postgresql+psycopg://nobody:secret@/lab?host={tmp_path}")
    with pytest.raises(
        ConfigurationError, match=r"postgresql\+psycopg://nobody:\*\*\*@.* cannot be opened: "
    ):
        nowhere.__enter__()
