"""A database that is full, read-only or held by somebody else: said so, nothing torn, and over when it is over."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event

from hessianfree_lab.app import create_app
from hessianfree_lab.settings import Settings
from hessianfree_lab.store import SqlStore
from server.api.in_process import InProcess, in_process
from server.databases import database
from server.makers import line, steps

RUNS = "/api/v1/runs"


class Ailment:
    """What is wrong with every connection from now on, as SQLite itself has it."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self.path = path
        self._pragmas = self._none = ("query_only = OFF", "max_page_count = 1073741823", "busy_timeout = 200")
        event.listen(engine, "checkout", self._prepare)

    def _prepare(self, connection: sqlite3.Connection, *_: Any) -> None:
        for pragma in self._pragmas:
            connection.execute(f"PRAGMA {pragma}")

    def fill_up(self) -> None:
        """The file may not grow by a page."""
        with sqlite3.connect(self.path) as other:
            (pages,) = other.execute("PRAGMA page_count").fetchone()
            (free,) = other.execute("PRAGMA freelist_count").fetchone()
        assert free == 0
        self._pragmas = (*self._none, f"max_page_count = {pages}")

    def make_read_only(self) -> None:
        self._pragmas = (*self._none, "query_only = ON")

    def hold(self) -> None:
        """Another program begins to write, and does not end."""
        self._other = sqlite3.connect(self.path, isolation_level=None)
        self._other.execute("BEGIN IMMEDIATE")

    def heal(self) -> None:
        self._pragmas = self._none
        if hasattr(self, "_other"):
            self._other.close()


@pytest.fixture
def ailment(tmp_path: Path) -> Iterator[tuple[Ailment, InProcess]]:
    path = tmp_path / "lab.sqlite"
    with database(f"sqlite:///{path}") as engine:
        ailing = Ailment(engine, path)
        store = SqlStore(engine, lease_seconds=20.0)
        with in_process(create_app(Settings(data_dir=tmp_path, port=0), store)) as http:
            yield ailing, http
            ailing.heal()


CASES: list[tuple[Callable[[Ailment], None], int, str]] = [
    (Ailment.fill_up, 507, "The database's disk is full: nothing was stored."),
    (Ailment.make_read_only, 503, "The database is read-only: nothing was stored."),
    (Ailment.hold, 503, "Another program has held the database for too long: nothing was stored."),
]


@pytest.mark.parametrize(("befall", "status", "sentence"), CASES, ids=["full", "read-only", "held"])
def test_an_ailment_is_said_survived_and_over(
    ailment: tuple[Ailment, InProcess], befall: Callable[[Ailment], None], status: int, sentence: str
) -> None:
    ailing, http = ailment
    run = http.post(RUNS, json={"name": "mine"}).json()["id"]
    assert _send(http, run, 1).status_code == 200
    before = _seen(http, run)

    befall(ailing)
    refused = [_send(http, run, 2)]
    if status != 507:  # where a small change may find room
        refused.append(http.patch(f"{RUNS}/{run}", json={"notes": "n"}))
    for answer in [*refused, http.get("/readyz")]:
        assert answer.status_code == (status if answer in refused else 503)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"].startswith(sentence)
    assert http.get("/healthz").status_code == 200
    assert _seen(http, run) == before, "nothing is torn, and reads go on"

    ailing.heal()
    for number in (2, 3):
        assert _send(http, run, number).status_code == 200
    assert http.get("/readyz").status_code == 200
    _assert_whole(ailing.path, run)


def test_ready_means_that_something_can_be_written(ailment: tuple[Ailment, InProcess]) -> None:
    """Nobody has written for a while, and nobody has failed: the question itself finds it out."""
    ailing, http = ailment
    assert http.get("/readyz").status_code == 200
    ailing.make_read_only()
    deadline = time.monotonic() + 10
    while http.get("/readyz").status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _send(http: InProcess, run: str, part: int) -> httpx.Response:
    """Some pages of steps and lines."""
    first = 1 + 100 * (part - 1)
    sent = steps(first, first + 99, **{f"m{i}": 0.1 for i in range(20)})
    sent = sent.model_copy(
        update={"logs": [line(number, "x" * 1000) for number in range(first, first + 100)]}
    )
    return http.post(f"{RUNS}/{run}/records", content=sent.model_dump_json())


def _seen(http: InProcess, run: str) -> tuple[Any, Any]:
    series = http.get(f"{RUNS}/{run}/metrics?names=loss")
    assert series.status_code == 200
    return http.get(f"{RUNS}/{run}").json(), series.json()


def _assert_whole(path: Path, run: str) -> None:
    with sqlite3.connect(path) as other:
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        numbers = [row[0] for row in other.execute("SELECT step FROM steps WHERE run_id = ?", (run,))]
        lines = [row[0] for row in other.execute("SELECT number FROM log_lines WHERE run_id = ?", (run,))]
    assert numbers == lines == list(range(1, len(numbers) + 1))
    assert len(numbers) == 300
