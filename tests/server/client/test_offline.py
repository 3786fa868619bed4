"""What is recorded without a server reaches one later: once, whole, with its own times."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hessianfree_lab.client import Client, ServerUnreachable, offline, track
from hessianfree_lab.client.recovery import Delivery, Outcome
from hessianfree_lab.client.spool import Spool
from hessianfree_lab.client.sync import KILLED, sync
from hessianfree_lab.errors import ConfigurationError
from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from system.launch import clean_environment

ENDLESS = """
import itertools, sys, time
from hessianfree_lab.client import track
with track("endless", data_dir=sys.argv[1]) as run:
    for step in itertools.count(1):
        run.log(step, loss=1 / step)
        print(step, flush=True)
        time.sleep(0.01)
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running(Settings(data_dir=tmp_path_factory.mktemp("lab"), port=0)) as url, Client(url) as client:
        yield client


def record(folder: Path, name: str, steps: int = 3) -> str:
    with track(name, config={"a": 1}, tags=["mine"], data_dir=folder, offline=True) as run:
        for step in range(1, steps + 1):
            run.log(step, loss=1 / step)
        assert run.is_recording
    return run.id


def sent(folder: Path, client: Client) -> list[Delivery]:
    return list(sync(folder / "scripts", client, timeout_seconds=20))


def test_a_run_recorded_offline_is_the_same_run(client: Client, tmp_path: Path) -> None:
    began = datetime.now(UTC)
    key = record(tmp_path, "plain")
    ended = datetime.now(UTC)
    (synced,) = sent(tmp_path, client)
    assert (synced.spool.name, synced.outcome) == ("plain", Outcome.STORED)
    run = synced.spool.run
    assert run != key
    stored = client.run(run)
    assert (stored.state, stored.kind, stored.tags) == ("completed", "script", ["mine"])
    assert stored.spec["config"] == {"a": 1}
    assert began <= stored.started_at <= stored.ended_at <= ended <= stored.created_at
    assert client.metrics(run, ["loss"]).values == {"loss": [1, 1 / 2, 1 / 3]}
    assert list((tmp_path / "scripts").iterdir()) == []
    assert sent(tmp_path, client) == []


def test_a_run_that_raised_has_failed(client: Client, tmp_path: Path) -> None:
    def broken() -> None:
        with track("broken", data_dir=tmp_path, offline=True) as run:
            run.log(1, loss=1.0)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        broken()
    (synced,) = sent(tmp_path, client)
    stored = client.run(synced.spool.run)
    assert (stored.state, stored.cause, stored.progress.step) == ("failed", "error", 1)
    assert stored.error is not None
    assert stored.error.startswith("ValueError: no")


def test_sent_twice_it_is_one_run(client: Client, tmp_path: Path) -> None:
    """Killed after the server had made the run, and before that was written down."""
    record(tmp_path, "once")
    (spool,) = Spool.all_below(tmp_path / "scripts")
    script = spool.directory / offline.SCRIPT
    before = script.read_text()
    home = client.home()
    first = offline.register(spool, client, home).run
    script.write_text(before)
    replace(spool, home=home).write_owner()  # as it was before the server was asked
    (synced,) = sent(tmp_path, client)
    assert synced.spool.run == first
    assert [run.id for run in client.runs("name = once")] == [first]


def test_a_killed_script_ended_when_it_last_recorded(client: Client, tmp_path: Path) -> None:
    environment = clean_environment(HESSIANFREE_OFFLINE="1")
    command = [sys.executable, "-c", ENDLESS, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as script:
        assert script.stdout is not None
        while int(script.stdout.readline()) < 5:
            pass
        (synced,) = sent(tmp_path, client)
        assert (synced.spool.name, synced.outcome) == ("endless", Outcome.BUSY)
        script.send_signal(signal.SIGKILL)
        script.wait()
    killed_at = datetime.now(UTC)
    (synced,) = sent(tmp_path, client)
    stored = client.run(synced.spool.run)
    assert (stored.state, stored.cause, synced.outcome) == ("failed", KILLED.cause, Outcome.STORED)
    assert stored.progress.step >= 5
    assert stored.ended_at is not None
    assert stored.started_at < stored.ended_at <= killed_at


def test_what_was_recorded_offline_waits_for_sync(client: Client, tmp_path: Path) -> None:
    record(tmp_path, "waits")
    with track("online", url=client.url, data_dir=tmp_path) as run:
        run.log(1, loss=1.0)
    assert list(client.runs("name = waits")) == []
    assert [synced.spool.name for synced in sent(tmp_path, client)] == ["waits"]


def test_without_a_server_everything_stays(tmp_path: Path) -> None:
    record(tmp_path, "stays")
    with Client("http://127.0.0.1:1") as nobody:
        (left,) = sent(tmp_path, nobody)
    assert left.outcome is Outcome.LEFT
    assert left.reason.startswith("No server answers at http://127.0.0.1:1")
    (spool,) = Spool.all_below(tmp_path / "scripts")
    assert (spool.name, offline.waits(spool)) == ("stays", True)


@pytest.mark.parametrize("no", ["0", "false", "Off", ""])
def test_offline_may_be_denied_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no: str) -> None:
    monkeypatch.setenv("HESSIANFREE_OFFLINE", no)
    with pytest.raises(ServerUnreachable), track("no", url="http://127.0.0.1:1", data_dir=tmp_path):
        pytest.fail("the block must not begin")


def test_what_neither_denies_nor_affirms_it_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HESSIANFREE_OFFLINE", "True")
    with track("yes", url="http://127.0.0.1:1", data_dir=tmp_path):
        pass
    monkeypatch.setenv("HESSIANFREE_OFFLINE", "maybe")
    with (
        pytest.raises(ConfigurationError, match="HESSIANFREE_OFFLINE is 'maybe'; it may be 1, true"),
        track("perhaps", url="http://127.0.0.1:1", data_dir=tmp_path),
    ):
        pytest.fail("the block must not begin")
