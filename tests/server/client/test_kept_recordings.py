"""What was recorded is removed when its own server has it, or wants no more of it, and in no other case."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hessianfree_lab.client import Client, offline, track
from hessianfree_lab.client.recovery import Delivery, Outcome
from hessianfree_lab.client.spool import Spool
from hessianfree_lab.client.sync import sync
from hessianfree_lab.records import FinishRequest, ScriptRun, StepRecord
from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from server.client.stranger import stranger
from system.launch import HESSIANFREE, clean_environment, run

NOBODY = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running(Settings(data_dir=tmp_path_factory.mktemp("here"), port=0)) as url, Client(url) as client:
        yield client


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Another server, with another database."""
    with running(Settings(data_dir=tmp_path_factory.mktemp("there"), port=0)) as url, Client(url) as client:
        yield client


def abandoned(folder: Path, client: Client, name: str, *, knows_its_home: bool = True) -> Spool:
    """What an online script with two steps leaves that has lost its server, and then its life."""
    made = client.create_run(ScriptRun(name=name))
    home = client.home() if knows_its_home else None
    spool, lock = Spool.create(folder / "scripts", run=made.id, attempt=1, name=name, home=home)
    with closing(lock), closing(spool.writer()) as writer:
        writer.append(StepRecord(step=1, metrics={"loss": 1.0}), StepRecord(step=2, metrics={"loss": 0.5}))
    return spool


def recorded(folder: Path, name: str) -> Spool:
    """What an offline script leaves."""
    with track(name, data_dir=folder, offline=True) as run:
        run.log(1, loss=1.0)
    return Spool.open(folder / "scripts" / f"{run.id}-1")


def sent(folder: Path, client: Client) -> dict[str, Delivery]:
    """What became of each run, by name, in the order of sending."""
    found = sync(folder / "scripts", client, timeout_seconds=20)
    return {delivery.spool.name: delivery for delivery in found}


def outcomes(folder: Path, client: Client) -> dict[str, Outcome]:
    return {name: delivery.outcome for name, delivery in sent(folder, client).items()}


def test_another_servers_run_is_kept_for_that_server(here: Client, elsewhere: Client, tmp_path: Path) -> None:
    spool = abandoned(tmp_path, here, "theirs")
    left = sent(tmp_path, elsewhere)["theirs"]
    assert (left.outcome, left.reason) == (
        Outcome.FOREIGN,
        f"it belongs to another server, which was at {here.url}",
    )
    with (
        pytest.warns(
            UserWarning, match=f"'theirs' stays in .* belongs to another server, which was at {here.url}"
        ),
        track("next", url=elsewhere.url, data_dir=tmp_path),
    ):
        pass
    with Client(here.url.replace("127.0.0.1", "localhost")) as by_another_name:
        assert outcomes(tmp_path, by_another_name) == {"theirs": Outcome.STORED}
    assert here.metrics(spool.run, ["loss"]).values == {"loss": [1.0, 0.5]}
    assert list((tmp_path / "scripts").iterdir()) == []


def test_a_run_made_at_one_server_is_not_made_at_another(
    here: Client, elsewhere: Client, tmp_path: Path
) -> None:
    """Nor one of which nobody knows whether it was made, because no answer came."""
    recorded(tmp_path, "begun")
    home = here.home()
    assert home is not None
    with stranger(server_id=home.id) as cut, Client(cut) as client:
        assert outcomes(tmp_path, client) == {"begun": Outcome.LEFT}
    assert outcomes(tmp_path, elsewhere) == {"begun": Outcome.FOREIGN}
    assert list(elsewhere.runs("name = begun")) == []
    assert outcomes(tmp_path, here) == {"begun": Outcome.STORED}


def test_a_new_database_at_the_old_address_is_another_server(tmp_path: Path) -> None:
    """Changed while a script records; the old database goes on at a new address."""
    old, new = (Settings(data_dir=tmp_path / name, port=0) for name in ("old", "new"))

    def recorded_meanwhile() -> str:
        with running(old) as url:
            block = track("mine", url=url, data_dir=tmp_path, drain_seconds=0.5)
            run = block.__enter__()
        with running(new.model_copy(update={"port": int(url.rpartition(":")[2])})):
            run.log(1, loss=1.0)
            with pytest.warns(UserWarning, match="has not got stays in"):
                block.__exit__(None, None, None)
            with Client(url) as client:
                assert outcomes(tmp_path, client) == {"mine": Outcome.FOREIGN}
        return run.id

    run_id = recorded_meanwhile()
    with running(old) as url, Client(url) as client:
        assert outcomes(tmp_path, client) == {"mine": Outcome.STORED}
        stored = client.run(run_id)
        assert (stored.state, stored.progress.step) == ("completed", 1)


def test_what_its_own_server_has_no_use_for_is_removed(here: Client, tmp_path: Path) -> None:
    deleted, ended = (abandoned(tmp_path, here, name) for name in ("deleted", "ended"))
    for spool in (deleted, ended):
        here.finish(spool.run, FinishRequest(state="completed"))
    here.request("DELETE", f"/runs/{deleted.run}")
    assert outcomes(tmp_path, here) == {"deleted": Outcome.GONE, "ended": Outcome.GONE}
    assert list((tmp_path / "scripts").iterdir()) == []


def test_a_server_that_may_be_another_one_deletes_nothing(
    here: Client, elsewhere: Client, tmp_path: Path
) -> None:
    """Of what versions left that wrote down no server."""
    spool = abandoned(tmp_path, here, "unsigned", knows_its_home=False)
    assert outcomes(tmp_path, elsewhere) == {"unsigned": Outcome.REFUSED}
    assert outcomes(tmp_path, here) == {"unsigned": Outcome.STORED}
    assert here.run(spool.run).progress.step == 2


def test_what_is_refused_is_put_aside_and_holds_up_nothing(here: Client, tmp_path: Path) -> None:
    ending = abandoned(tmp_path, here, "bad ending")
    ending.write_finish(FinishRequest(state="completed", cause="error"))  # of another version, say
    key = recorded(tmp_path, "bad key")
    told = json.loads((key.directory / offline.SCRIPT).read_text())
    (key.directory / offline.SCRIPT).write_text(json.dumps(told | {"key": "k" * 300}))
    (recorded(tmp_path, "damaged").directory / offline.SCRIPT).write_text("{}")
    recorded(tmp_path, "good")
    found = sent(tmp_path, here)
    assert {name: delivery.outcome for name, delivery in found.items()} == {
        "bad ending": Outcome.REFUSED,
        "bad key": Outcome.REFUSED,
        "damaged": Outcome.REFUSED,
        "good": Outcome.STORED,
    }
    assert "only a failed attempt has one" in found["bad ending"].reason
    assert "damaged" in found["damaged"].reason
    assert Spool.open(key.directory).home is None  # any server may have it
    with track("next", url=here.url, data_dir=tmp_path):  # which tries none of them again, and warns no more
        pass
    assert here.run(ending.run).state == "running"
    ending.write_finish(FinishRequest(state="completed"))
    (key.directory / offline.SCRIPT).write_text(json.dumps(told))
    assert outcomes(tmp_path, here) == {
        "bad ending": Outcome.STORED,
        "bad key": Outcome.STORED,
        "damaged": Outcome.REFUSED,
    }


def test_the_command_says_what_became_of_each(here: Client, elsewhere: Client, tmp_path: Path) -> None:
    def command(folder: str, server: str = here.url) -> tuple[int, str]:
        ended = run("sync", "--data-dir", tmp_path / folder, "--server", server, "--seconds", "20")
        assert ended.stderr == ""
        return ended.returncode, ended.stdout

    assert command("empty", NOBODY) == (0, f"There is nothing to send in {tmp_path}/empty/scripts.\n")
    foreign = abandoned(tmp_path / "full", elsewhere, "foreign")
    refused = abandoned(tmp_path / "full", here, "refused")
    refused.write_finish(FinishRequest(state="completed", cause="error"))
    busy, lock = Spool.create(tmp_path / "full" / "scripts", run="busy", attempt=1, name="alive")
    deleted = abandoned(tmp_path / "full", here, "deleted")
    here.finish(deleted.run, FinishRequest(state="completed"))
    good = recorded(tmp_path / "full", "whole")
    with closing(lock):
        code, printed = command("full")
    assert code == 1
    (stored,) = here.runs("name = whole")
    lines = dict(line.split("  ", 1) for line in printed.splitlines())
    assert lines["foreign"] == (
        f"{foreign.run}  kept: it belongs to another server, which was at {elsewhere.url}"
    )
    assert lines["refused"].startswith(f"{refused.run}  kept, for the server refused it: cause is 'error'")
    assert lines["alive"] == "busy  kept: it is being recorded or sent just now"
    assert lines["deleted"].startswith(f"{deleted.run}  removed here, since the server has no use for it: ")
    assert lines["whole"] == f"{stored.id}  sent"
    kept = {foreign.directory, refused.directory, busy.directory}
    assert {spool.directory for spool in Spool.all_below(tmp_path / "full" / "scripts")} == kept
    assert not good.directory.exists()
    recorded(tmp_path / "waiting", "waiting")
    code, printed = command("waiting", NOBODY)
    assert code == 1
    assert f"not sent: No server answers at {NOBODY}" in printed
    assert command("waiting")[0] == 0


def test_two_commands_at_once_make_each_run_once(here: Client, tmp_path: Path) -> None:
    names = {recorded(tmp_path, f"shared-{number}").name for number in range(12)}
    command = [*HESSIANFREE, "sync", "--data-dir", str(tmp_path), "--server", here.url]
    both = [
        subprocess.Popen(
            command, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60) for process in both]
    assert [errors for _, errors in said] == ["", ""]
    sent_lines = [line for output, _ in said for line in output.splitlines() if line.endswith("  sent")]
    assert sorted(line.split()[0] for line in sent_lines) == sorted(names)
    assert sorted(found.name for found in here.runs("name : 'shared-'")) == sorted(names)
    assert list((tmp_path / "scripts").iterdir()) == []
