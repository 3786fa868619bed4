"""The server as a process: what it refuses, how light it starts, how it stops."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from hessianfree_lab.errors import ConfigurationError
from hessianfree_lab.serving import running, serve
from hessianfree_lab.settings import Settings
from server.api.live import streaming
from server.makers import announcement

pytestmark = pytest.mark.system  # whole processes

SERVE = """
import json, sys
from hessianfree_lab.serving import serve
from hessianfree_lab.settings import Settings

def ready(url):
    heavy = [name for name in ("torch", "arro3", "plotly", "sklearn", "hessianfree") if name in sys.modules]
    print(json.dumps({"url": url, "heavy": heavy}), flush=True)

serve(Settings(data_dir=sys.argv[1], port=0), on_ready=ready)
print("torch came in" if "torch" in sys.modules else "bye", flush=True)
"""


@contextmanager
def server(directory: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def test_it_starts_light(tmp_path: Path) -> None:
    with server(tmp_path) as (process, said):
        assert said["heavy"] == []
        assert httpx.get(f"{said['url']}/readyz", trust_env=False).json()["status"] == "ready"
        run = httpx.post(f"{said['url']}/api/v1/runs", json={"name": "mine"}, trust_env=False).json()["id"]
        for path in (
            "/",
            f"/runs/{run}",
            f"/api/v1/figures/loss?runs={run}",
            f"/api/v1/runs/{run}/metrics.parquet",
        ):
            assert httpx.get(f"{said['url']}{path}", trust_env=False).status_code == 200
        process.terminate()
        assert process.communicate(timeout=30)[0] == "bye\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_with_streams_and_polls_open(tmp_path: Path, number: signal.Signals) -> None:
    with server(tmp_path) as (process, said):
        url = said["url"]
        worker = httpx.post(
            f"{url}/api/v1/workers", json=announcement().model_dump(mode="json"), trust_env=False
        ).json()["id"]
        with (
            asking(f"{url}/api/v1/workers/{worker}/claim") as claim,
            streaming(url) as overview,
            streaming(url, params={"runs": "a"}) as named,
        ):
            time.sleep(0.3)  # the claim says that it asks just before it does
            begin = time.monotonic()
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
            # Two seconds on a machine of its own. Had it waited for anybody, it would have said so on stderr.
            assert time.monotonic() - begin < 10
            assert overview.ended.wait(30)
            assert named.ended.wait(30)
            assert claim.communicate(timeout=30)[0] == "204\n"
        assert (process.returncode, out, err) == (0, "bye\n", "")


CLAIM = """
import sys, httpx
print("asking", flush=True)
print(httpx.post(sys.argv[1], json={"wait_seconds": 30}, timeout=40, trust_env=False).status_code, flush=True)
"""


@contextmanager
def asking(address: str) -> Iterator[subprocess.Popen[str]]:
    """A process that waits for an answer to a claim."""
    process = subprocess.Popen([sys.executable, "-c", CLAIM, address], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "asking\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    with server(tmp_path) as (process, said):
        run = httpx.post(f"{said['url']}/api/v1/runs", json={"name": "mine"}, trust_env=False).json()["id"]
        body = {"steps": [{"step": number, "loss": 1.0} for number in range(1, 101)]}
        answer = httpx.post(f"{said['url']}/api/v1/runs/{run}/records", json=body, trust_env=False)
        assert answer.json()["last_step"] == 100
        process.kill()
    with server(tmp_path) as (_, said):
        shown = httpx.get(f"{said['url']}/api/v1/runs/{run}", trust_env=False).json()
        assert (shown["progress"]["step"], shown["state"]) == (100, "running")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "lab.example"])
def test_other_machines_are_not_let_in_without_a_token(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no token to keep them out\. Set one: HESSIANFREE_TOKEN="):
        serve(Settings(data_dir=tmp_path / "lab", host=host, port=0))
    assert not (tmp_path / "lab").exists()


def test_with_a_token_they_are(tmp_path: Path) -> None:
    with running(Settings(data_dir=tmp_path, host="0.0.0.0", port=0, token="secret")) as url:
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
        assert httpx.get(f"{url}/api/v1/runs", trust_env=False).status_code == 401


def test_an_empty_token_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no token"):
        serve(Settings(data_dir=tmp_path, host="0.0.0.0", port=0, token=""))


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigurationError, match=f"127.0.0.1 port {port}: address already in use. .* --port"
        ):
            serve(Settings(data_dir=tmp_path, port=port))


def test_a_directory_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        ConfigurationError, match=r"data directory .*/file/lab cannot be written: not a directory"
    ):
        serve(Settings(data_dir=tmp_path / "file" / "lab", port=0))


def test_one_data_directory_has_one_server(tmp_path: Path) -> None:
    with (
        running(Settings(data_dir=tmp_path, port=0)),
        pytest.raises(ConfigurationError, match="Another server already runs on the data directory"),
    ):
        serve(Settings(data_dir=tmp_path, port=0))
    with running(Settings(data_dir=tmp_path, port=0)) as url:
        assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 200


def test_settings_come_from_keywords_then_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PORT", "HOST", "TOKEN", "DATA_DIR", "DATABASE_URL"):
        monkeypatch.delenv(f"HESSIANFREE_{name}", raising=False)
    assert Settings().port == 8765
    monkeypatch.setenv("HESSIANFREE_PORT", "9000")
    monkeypatch.setenv("HESSIANFREE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HESSIANFREE_TOKEN", "")
    assert Settings().port == 9000
    assert Settings().data_dir == tmp_path
    assert Settings().secret is None
    assert Settings(port=1).port == 1
    assert Settings().url_of_database == f"sqlite:///{tmp_path}/hessianfree.sqlite"
    assert Settings(database_url="sqlite://").url_of_database == "sqlite://"
    assert "secret" not in repr(Settings(token="secret"))


def test_nothing_is_left_of_the_locks_but_their_files(tmp_path: Path) -> None:
    with running(Settings(data_dir=tmp_path, port=0)):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {
        "hessianfree.sqlite",
        "hessianfree.sqlite.lock",
        "server.lock",
    }
    assert os.access(tmp_path, os.W_OK)
