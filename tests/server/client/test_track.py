"""Recording from one's own script: real scripts, real servers, real ends."""

import re
import signal
import subprocess
import sys
import time

import pytest

from hessianfree_lab.client import ServerUnreachable, track
from hessianfree_lab.records import FinishRequest
from server.client.lab_server import lab_server
from system.launch import clean_environment, wait_until

pytestmark = pytest.mark.system  # whole processes

NO_TORCH = """
import sys
from hessianfree_lab.client import track
with track("light", data_dir=sys.argv[1]) as run:
    run.log(1, loss=1.0)
heavy = {"torch", "numpy", "fastapi", "sqlalchemy", "hessianfree"} & set(sys.modules)
assert not heavy, heavy
"""

WATCHED = """
import sys, warnings
import torch
from hessianfree.optimizer import HessianFree
from hessianfree_lab.client import track

torch.manual_seed(0)
model = torch.nn.Linear(3, 1)
inputs, targets = torch.randn(20, 3), torch.randn(20, 1)

def forward():
    outputs = model(inputs)
    return torch.nn.functional.mse_loss(outputs, targets), outputs

optimizer = HessianFree(model.parameters())
with track("watched", config={"lr": 1}, optimizer="hessianfree", steps=5, tags=["mine"], data_dir=sys.argv[1]) as run:
    run.watch(optimizer, also=lambda: {"bias": model.bias.item()})
    for _ in range(4):
        optimizer.step(forward)
    optimizer.acc_step(model, torch.nn.functional.mse_loss, [(inputs, targets)])
optimizer.step(forward)  # watched no more
print(run.url)
"""

ENDLESS = """
import itertools, sys, time
from hessianfree_lab.client import track
with track("endless", data_dir=sys.argv[1], drain_seconds=float(sys.argv[2])) as run:
    for step in itertools.count(1):
        run.log(step, loss=1 / step)
        print(step, flush=True)
        time.sleep(0.01)
"""


def script(code, *arguments, url, **options):
    environment = clean_environment(HESSIANFREE_SERVER=url)
    return subprocess.Popen(
        [sys.executable, "-W", "error::ResourceWarning", "-c", code, *map(str, arguments)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def the_run(client, name):
    (run,) = client.runs(q=name, limit=1)
    return client.run(run.id)


def test_a_block_is_a_run(client, tmp_path):
    with track("plain", config={"a": 1}, url=client.url, data_dir=tmp_path, steps=3) as run:
        for step in (1, 2, 3):
            run.log(step, loss=1 / step, note="ok")
    stored = client.run(run.id)
    assert (stored.state, stored.kind, stored.progress.step, stored.progress.steps) == (
        "completed",
        "script",
        3,
        3,
    )
    assert stored.spec["config"] == {"a": 1}
    assert client.metrics(run.id, ["loss", "note"]).values == {"loss": [1, 1 / 2, 1 / 3], "note": ["ok"] * 3}
    assert list((tmp_path / "scripts").iterdir()) == []
    assert run.url == f"{client.url}/runs/{run.id}"


def test_an_exception_ends_it_as_failed_and_goes_on(client, tmp_path):
    def broken():
        with track("broken", url=client.url, data_dir=tmp_path) as run:
            run.log(1, loss=1.0)
            return 1 / 0

    with pytest.raises(ZeroDivisionError):
        broken()
    stored = the_run(client, "broken")
    assert (stored.state, stored.cause) == ("failed", "error")
    assert stored.error.startswith("ZeroDivisionError: division by zero\n\nTraceback")
    assert stored.progress.step == 1


def test_ctrl_c_ends_it_as_cancelled(client, tmp_path):
    with pytest.raises(KeyboardInterrupt), track("stopped", url=client.url, data_dir=tmp_path):
        raise KeyboardInterrupt
    assert the_run(client, "stopped").state == "cancelled"


@pytest.mark.parametrize("step", [0, -1, 2])
def test_steps_count_upwards_from_one(client, tmp_path, step):
    with track("order", url=client.url, data_dir=tmp_path) as run:
        run.log(2, loss=1.0)
        with pytest.raises(ValueError, match=f"step {step} is not after step 2"):
            run.log(step, loss=1.0)
        run.log(3, loss=1.0)
    assert client.metrics(run.id, ["loss"]).steps == [2, 3]


def test_a_name_no_server_takes_is_refused_at_once(client, tmp_path):
    with track("names", url=client.url, data_dir=tmp_path) as run:
        with pytest.raises(ValueError, match="bad name"):
            run.log(1, **{"bad name": 1.0})
        run.log(1, good=1.0)
    assert client.run(run.id).progress.step == 1


def test_only_an_optimizer_with_reports_can_be_watched(client, tmp_path):
    class Plain:
        def register_step_post_hook(self, hook): ...

    with (
        track("plain optimizer", url=client.url, data_dir=tmp_path) as run,
        pytest.raises(TypeError, match="Plain does not have: call log"),
    ):
        run.watch(Plain())


def test_no_server_at_the_start_is_said_at_once(tmp_path):
    with (
        pytest.raises(ServerUnreachable, match=re.escape("http://127.0.0.1:9")),
        track("nowhere", url="http://127.0.0.1:9", data_dir=tmp_path),
    ):
        pytest.fail("the block must not begin")


def test_a_script_needs_no_torch(client, tmp_path):
    process = script(NO_TORCH, tmp_path, url=client.url)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def test_a_watched_optimizer_is_recorded_step_by_step(client, tmp_path):
    process = script(WATCHED, tmp_path, url=client.url)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    run = the_run(client, "watched")
    assert output.strip() == f"{client.url}/runs/{run.id}"
    assert (run.state, run.progress.step, run.tags) == ("completed", 5, ["mine"])
    series = client.metrics(run.id, ["loss", "loss_after", "damping", "cg_stop", "bias", "seconds_cg"])
    losses = series.values["loss"]
    assert losses == sorted(losses, reverse=True)
    assert series.values["loss_after"][:-1] == pytest.approx(losses[1:])
    assert all(len(values) == 5 and None not in values for values in series.values.values())
    trace = client.trace(run.id, 5)
    assert trace.ritz_values
    assert trace.stop == series.values["cg_stop"][4]


def test_logging_never_waits_for_a_server_that_is_away(tmp_path):
    with lab_server(tmp_path) as server, server.client() as client:
        with track("away", url=server.url, data_dir=tmp_path) as run:
            run.log(1, loss=1.0)
            server.end(signal.SIGKILL)
            started = time.perf_counter()
            for step in range(2, 202):
                run.log(step, loss=1.0)
            assert time.perf_counter() - started < 20  # each of them would have waited for seconds
            server.start()
        assert client.metrics(run.id, ["loss"]).steps == list(range(1, 202))
        assert client.run(run.id).state == "completed"


def test_what_could_not_be_sent_is_sent_by_the_next_script(tmp_path):
    with lab_server(tmp_path) as server, server.client() as client:

        def lose_the_server():
            with track("first", url=server.url, data_dir=tmp_path / "d", drain_seconds=0.5) as first:
                first.log(1, loss=1.0)
                server.end(signal.SIGKILL)
                first.log(2, loss=0.5)
            return first

        with pytest.warns(UserWarning, match="has not got stays in .* No server answers"):
            first = lose_the_server()
        server.start()
        with track("second", url=server.url, data_dir=tmp_path / "d"):
            pass
        assert client.run(first.id).state == "completed"
        assert client.metrics(first.id, ["loss"]).steps == [1, 2]


def test_a_killed_script_is_ended_by_the_next_one(client, tmp_path):
    process = script(ENDLESS, tmp_path, 30, url=client.url)
    for line in process.stdout:
        if int(line) == 50:
            process.kill()
            break
    logged = max([50, *map(int, process.communicate()[0].split())])
    run = the_run(client, "endless")
    assert run.state == "running"
    with track("next", url=client.url, data_dir=tmp_path):
        pass
    run = client.run(run.id)
    assert (run.state, run.cause) == ("failed", "killed")
    steps = client.metrics(run.id, ["loss"]).steps
    assert steps == list(range(1, len(steps) + 1))
    assert logged <= len(steps) <= logged + 1


def test_a_run_that_ended_elsewhere_is_warned_of(client, tmp_path):
    def end_it_from_elsewhere():
        with track("ended elsewhere", url=client.url, data_dir=tmp_path) as run:
            assert run.is_recording
            client.finish(run.id, FinishRequest(state="completed"))
            run.log(1, loss=1.0)
            wait_until(lambda: not run.is_recording, seconds=10, what="the sender is refused")

    with pytest.warns(UserWarning, match="takes no more records"):
        end_it_from_elsewhere()
    assert list((tmp_path / "scripts").iterdir()) == []


def test_a_token_may_stand_in_a_file(tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text("right\n")
    with lab_server(tmp_path / "server", token="right") as server, server.client() as client:
        monkeypatch.setenv("HESSIANFREE_SERVER", server.url)
        monkeypatch.setenv("HESSIANFREE_TOKEN_FILE", str(file))
        with track("secret", data_dir=tmp_path / "data") as run:
            run.log(1, loss=1.0)
        assert client.run(run.id).state == "completed"
