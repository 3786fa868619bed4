"""Files of runs, in a folder and in S3: whole, where they belong, within their limits, and harmless to a browser."""

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hessianfree_lab.artifacts.folders import ArtifactFolders
from hessianfree_lab.artifacts.incoming import Limits
from hessianfree_lab.client import Client
from hessianfree_lab.client.artifacts import RunArtifacts
from hessianfree_lab.errors import ArtifactTooLarge, ClientError, InvalidRequest, NoSpace, RecordNotFound
from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from server.api.lab import SECRET, Lab, bearer, lab
from server.s3 import S3
from system.launch import wait_until

API = "/api/v1"


LIMITS = {"max_artifact_bytes": 2_000_000, "max_artifacts_bytes": 3_000_000, "max_artifacts": 3}


@pytest.fixture(scope="module")
def in_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab"), **LIMITS) as made:
        yield made


@pytest.fixture(scope="module")
def in_s3(tmp_path_factory: pytest.TempPathFactory, s3: S3) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab"), storage=s3.new_storage(), **LIMITS) as made:
        yield made


@pytest.fixture(params=["folder", "s3"])
def guarded(request: pytest.FixtureRequest) -> Lab:
    made: Lab = request.getfixturevalue(f"in_{request.param}")
    return made


@pytest.fixture
def run(guarded: Lab) -> str:
    return run_of(guarded)


def run_of(guarded: Lab) -> str:
    """A run's address."""
    answer = guarded.http.post(f"{API}/runs", headers=bearer(SECRET), json={"name": "mine"})
    return f"{API}/runs/{answer.json()['id']}"


def ask(guarded: Lab, method: str, path: str, **options: Any) -> httpx.Response:
    return guarded.http.request(method, path, headers=bearer(SECRET), **options)


def put(guarded: Lab, run: str, path: str, content: bytes = b"x") -> httpx.Response:
    return ask(guarded, "PUT", f"{run}/artifacts/{path}", content=content)


def folder_of(guarded: Lab, run: str) -> Path:
    return guarded.app.state.settings.data_dir / "artifacts" / run.rpartition("/")[2]


def kept_of(guarded: Lab, run: str) -> list[str]:
    """Files of a run, also of one that is gone."""
    return [file.path for file in guarded.app.state.artifacts.listing(run.rpartition("/")[2])]


def test_a_file_is_put_listed_fetched_replaced_and_removed(guarded: Lab, run: str) -> None:
    content = os.urandom(1_500_000)  # more than any other body may have
    made = put(guarded, run, "model/weights%20%C3%A9.bin", content)
    assert made.status_code == 201
    assert put(guarded, run, "a.txt", b"one").json()["bytes"] == 3
    assert put(guarded, run, "a.txt", b"two!").json()["bytes"] == 4
    items = ask(guarded, "GET", f"{run}/artifacts").json()["items"]
    assert [(item["path"], item["bytes"]) for item in items] == [
        ("a.txt", 4),
        ("model/weights é.bin", 1_500_000),
    ]
    fetched = ask(guarded, "GET", f"{run}/artifacts/model/weights%20%C3%A9.bin")
    assert fetched.content == content
    assert ask(guarded, "GET", f"{run}/artifacts/a.txt").content == b"two!"
    assert ask(guarded, "DELETE", f"{run}/artifacts/a.txt").status_code == 204
    assert ask(guarded, "GET", f"{run}/artifacts/a.txt").status_code == 404
    assert ask(guarded, "DELETE", f"{run}/artifacts/a.txt").status_code == 404


def test_a_browser_saves_it_and_runs_nothing(guarded: Lab, run: str) -> None:
    put(guarded, run, "page.html", b"<script>alert(1)</script>")
    headers = ask(guarded, "GET", f"{run}/artifacts/page.html").headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''page.html"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["%2e%2e", "%2e%2e/x", "a/%2e%2e/%2e%2e/x", "..%2Fx", "/etc/passwd", "%2Fetc%2Fpasswd", "a//b", "a/", "%2e/a",
     "a/%2e", "a%00b", "a%09b", "..%5Cx", "C:%5Cx", "c:x", "con", "NUL.txt", "a/lpt1", "a.", "a%20", "%20a", "x" * 201,
     "a/" * 16 + "a", "a%E2%80%AEb"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_no_path_leaves_the_runs_folder(guarded: Lab, run: str, method: str, path: str) -> None:
    answer = ask(guarded, method, f"{run}/artifacts/{path}", content=b"x" if method == "PUT" else b"")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "path"
    assert kept_of(guarded, run) == []


def test_links_lead_nowhere(in_folder: Lab, tmp_path: Path) -> None:
    guarded, run = in_folder, run_of(in_folder)
    (tmp_path / "secret").write_text("secret")
    put(guarded, run, "a.txt")
    home = folder_of(guarded, run)
    (home / "away").symlink_to(tmp_path)
    (home / "link").symlink_to(tmp_path / "secret")
    for path in ("away/secret", "link", "away"):
        assert ask(guarded, "GET", f"{run}/artifacts/{path}").status_code == 404
    assert put(guarded, run, "away/new").status_code == 422
    assert put(guarded, run, "link", b"mine").status_code == 201  # takes the link's place
    assert ask(guarded, "DELETE", f"{run}/artifacts/away/secret").status_code == 404
    assert {path.name for path in tmp_path.iterdir()} == {"secret"}
    assert (tmp_path / "secret").read_text() == "secret"
    items = ask(guarded, "GET", f"{run}/artifacts").json()["items"]
    assert [item["path"] for item in items] == ["a.txt", "link"]


def test_a_folder_is_no_file_and_a_file_no_folder(guarded: Lab, run: str) -> None:
    put(guarded, run, "a/b")
    assert put(guarded, run, "a").status_code == 422
    assert kept_of(guarded, run) == ["a/b"]
    assert put(guarded, run, "a/b/c").status_code == 422
    assert ask(guarded, "GET", f"{run}/artifacts/a").status_code == 404


def test_a_file_that_is_too_large_leaves_nothing(guarded: Lab, run: str) -> None:
    put(guarded, run, "a", b"before")
    refused = put(guarded, run, "a", b"x" * 2_000_001)
    assert refused.status_code == 413
    assert "at most 2000000 bytes" in refused.json()["detail"]
    assert ask(guarded, "GET", f"{run}/artifacts/a").content == b"before"
    assert not list((folder_of(guarded, run).parent / ".incoming").iterdir())  # also of what goes to S3


def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path: Path) -> None:
    limits = Limits(max_bytes=10**6, max_run_bytes=10**6, max_files=3)
    folders = ArtifactFolders(root=tmp_path, limits=limits)

    def receive(content: bytes) -> None:
        with folders.incoming("run", "a") as incoming:
            incoming.write(content)
            incoming.keep()

    receive(b"before")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(NoSpace, match="no space left"):
            receive(b"x" * 20_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    file, _ = folders.open("run", "a")
    with file:
        assert file.read() == b"before"
    assert not list((tmp_path / ".incoming").iterdir())


def test_a_run_has_a_quota(guarded: Lab, run: str) -> None:
    assert put(guarded, run, "a", b"x" * 1_900_000).status_code == 201
    assert put(guarded, run, "b", b"x" * 1_200_000).status_code == 413
    assert put(guarded, run, "a", b"x" * 2_000_000).status_code == 201  # it takes its own place
    assert put(guarded, run, "b").status_code == 201
    assert put(guarded, run, "c").status_code == 201
    too_many = put(guarded, run, "d")
    assert too_many.status_code == 413
    assert "at most 3 files of 3000000 bytes" in too_many.json()["detail"]


def test_a_run_takes_its_files_with_it(guarded: Lab, run: str) -> None:
    put(guarded, run, "a/b")
    assert kept_of(guarded, run) == ["a/b"]
    ask(guarded, "POST", f"{run}/finish", json={"state": "completed"})
    assert ask(guarded, "DELETE", run).status_code == 204
    wait_until(lambda: kept_of(guarded, run) == [], seconds=10, what="its files are gone")
    assert put(guarded, run, "a").status_code == 404
    assert ask(guarded, "GET", f"{run}/artifacts").status_code == 404


def test_an_upload_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    limits = Limits(max_bytes=10, max_run_bytes=100, max_files=10)
    folders = ArtifactFolders(root=tmp_path, limits=limits)
    with folders.incoming("run", "a") as incoming:
        incoming.write(b"whole")
        incoming.keep()
    with folders.incoming("run", "a") as incoming:
        incoming.write(b"half")
    with folders.incoming("run", "a") as incoming, pytest.raises(ArtifactTooLarge):
        incoming.write(b"more than ten bytes")
    file, size = folders.open("run", "a")
    with file:
        assert (file.read(), size) == (b"whole", 5)
    with pytest.raises(InvalidRequest), folders.incoming("run", "../b"):
        pass
    with pytest.raises(RecordNotFound):
        folders.open("another", "a")
    # What a server that was killed had received in part goes; what another one receives there does not.
    for name, hours in (("rest", 1.1), ("underway", 0.9)):
        (tmp_path / ".incoming" / name).write_bytes(b"half")
        os.utime(tmp_path / ".incoming" / name, (time.time() - hours * 3600,) * 2)
    folders.discard_drafts()
    assert {path.name for path in (tmp_path / ".incoming").iterdir()} == {"underway"}


def test_the_client_sends_and_fetches_files(tmp_path: Path) -> None:
    (tmp_path / "plot.svg").write_bytes(b"<svg/>")
    with running(Settings(data_dir=tmp_path / "lab", port=0)) as url, Client(url) as client:
        run_id = client.post("/runs", {"name": "mine"})["id"]
        artifacts = RunArtifacts(client, run_id)
        assert artifacts.put("plots/a b.svg", tmp_path / "plot.svg").bytes == 6
        assert [item.path for item in artifacts.listing()] == ["plots/a b.svg"]
        assert artifacts.fetch("plots/a b.svg") == b"<svg/>"
        artifacts.remove("plots/a b.svg")
        assert artifacts.listing() == []
        with pytest.raises(ClientError, match="name of a device"):
            artifacts.fetch("con")
        with pytest.raises(ValueError, match="each of its parts must have a name"):
            artifacts.remove(f"../../{run_id}")


def test_a_storage_that_does_not_answer_is_said_and_over(tmp_path: Path, s3: S3) -> None:
    with lab(tmp_path, storage="s3://no-such-bucket/x") as made:
        run = run_of(made)
        for method in ("GET", "PUT", "DELETE"):
            answer = ask(made, method, f"{run}/artifacts{'' if method == 'GET' else '/a'}", content=b"")
            assert answer.status_code == (404 if method == "DELETE" else 503), answer.json()
        assert "s3://no-such-bucket/x/artifacts is not there" in put(made, run, "a").json()["detail"]
