"""What the doctor says of each thing that can be wrong: that it is, and what to do."""

import http.server
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from hessianfree_lab.cli.gpus import findings
from hessianfree_lab.cli.surroundings import BAD, GOOD, NOTE, Finding, database, disk, reachable, room
from hessianfree_lab.records.tokens import TokenRequest
from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from hessianfree_lab.store import open_store

MIB = 2**20

WELL = {"uuid": "GPU-a", "title": "NVIDIA H100", "parent": None, "fault": None}
SECRET = "the token of the settings"


@pytest.mark.parametrize(
    ("free", "mark", "words"),
    [
        (
            99 * MIB,
            BAD,
            "99 MiB are free on its disk. That is too little to record a run: make room, or else.",
        ),
        (1500 * MIB, NOTE, "1.5 GiB are free on its disk. That is little"),
        (2048 * MIB, GOOD, "It; 2.0 GiB are free on its disk."),
    ],
)
def test_a_disk_needs_room(free: int, mark: str, words: str) -> None:
    found, sentence = room(free, "It", "or else")
    assert (found, words in sentence) == (mark, True), sentence


@pytest.mark.parametrize(
    ("gpus", "trouble", "expected"),
    [
        ([WELL], None, [(GOOD, "NVIDIA's driver 580.65.06: NVIDIA H100 (GPU-a).")]),
        (
            [WELL | {"uuid": "MIG-1", "title": "1g.10gb", "parent": "GPU-m"}],
            None,
            [(GOOD, "NVIDIA's driver 580.65.06: 1g.10gb (MIG-1, an instance that MIG made of GPU-m).")],
        ),
        (
            [WELL | {"fault": "GPU is lost"}],
            None,
            [
                (NOTE, "NVIDIA's driver 580.65.06: no GPU that can be trained on."),
                (BAD, "The GPU GPU-a has failed: GPU is lost."),
            ],
        ),
        ([], "NVML Shared Library Not Found", [(NOTE, "tells of no GPU: NVML Shared Library Not Found.")]),
    ],
)
def test_what_the_driver_tells_of_gpus(gpus: list[Any], trouble: str | None, expected: list[Finding]) -> None:
    found = list(findings({"gpus": gpus, "driver": "580.65.06", "trouble": trouble}))
    assert [mark for mark, _ in found] == [mark for mark, _ in expected]
    assert all(words in sentence for (_, sentence), (_, words) in zip(found, expected, strict=True)), found


def test_what_cannot_be_written_is_said_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    mark, sentence = disk(tmp_path / "file", "The place", option="--place")
    assert mark == BAD
    assert sentence.endswith("not a directory. Give this user the right to, or name another with --place.")


def test_somebody_elses_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "photos.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photos (id)")
    connection.close()
    before = path.read_bytes()
    mark, sentence = database(Settings(data_dir=tmp_path, database_url=f"sqlite:///{path}"))
    assert mark == BAD
    assert sentence.endswith(
        "is not one of HessianFree Lab: it has the table 'photos'. Name another one, or one that is empty."
    )
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_database_of_this_version_is_found_as_the_server_left_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    open_store(settings.url_of_database).close()
    assert database(settings)[0] == GOOD
    elsewhere = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/nowhere/lab.sqlite"})
    assert database(elsewhere) == (
        BAD,
        f"The database's folder {tmp_path}/nowhere is not there: make it, or name another database.",
    )


def test_a_server_is_told_from_another_one_and_its_refusals_apart(tmp_path: Path) -> None:
    def ask(url: str, token: str | None = None) -> Finding:
        return next(reachable(url, token, None))

    settings = Settings(data_dir=tmp_path, port=0, token=SECRET)  # type: ignore[arg-type]
    store = open_store(settings.url_of_database)
    of_worker = store.access.create(TokenRequest(name="bench", role="worker"))  # type: ignore[arg-type]
    store.close()
    with running(settings) as url:
        assert ask(url, SECRET) == (GOOD, f"The server at {url} answers; workers: none.")
        mark, sentence = ask(url, of_worker.secret)
        assert (mark, "answers, and knows the token" in sentence) == (GOOD, True), sentence
        for token in (None, "wrong"):
            mark, sentence = ask(url, token)
            assert (mark, "hessianfree tokens create" in sentence) == (BAD, True), sentence
    mark, sentence = ask(url)
    assert (mark, "Start one (hessianfree up)" in sentence) == (BAD, True), sentence
    assert ask("http://[::1") == (
        BAD,
        "'http://[::1' is not the address of a server; one looks like 'http://127.0.0.1:8765'.",
    )
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{other.server_port}"
        assert ask(address) == (
            BAD,
            f"What answers at {address} is no HessianFree Lab server: say where it is with --server URL.",
        )
        other.shutdown()
