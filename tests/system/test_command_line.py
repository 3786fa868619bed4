"""The verbs against a running installation."""

import csv
import io
import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet
import pytest

from hessianfree_lab.version import __version__
from system.conftest import Machine
from system.launch import clean_environment, launched, run

JOB = """
problem: digits-classifier
optimizer: adam
optimizer_params: {lr: 1e-3}
budget: {steps: 4}
tags: [from-a-file]
"""
STRANGER = """
from http.server import HTTPServer, SimpleHTTPRequestHandler
server = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    file = tmp_path / "job.yaml"
    file.write_text(JOB, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def finished(machine: Machine) -> str:
    """The id of a completed run with four steps."""
    ended = run(
        "submit", "-", "--watch", "--set", "name=a finished run", environment=machine.environment, stdin=JOB
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split()[0]


def test_version() -> None:
    assert run("--version").stdout.split() == ["hessianfree-lab", __version__]


def test_submit_prints_id_and_address(job: Path, machine: Machine) -> None:
    ended = run("submit", job, environment=machine.environment)
    assert ended.returncode == 0, ended.stderr
    run_id, address = ended.stdout.split()
    assert address == f"{machine.url}/runs/{run_id}"
    with machine.client() as client:
        assert client.run(run_id).spec["optimizer_params"]["lr"] == 1e-3


def test_set_changes_the_job(job: Path, machine: Machine) -> None:
    changes = ["--set", "budget.steps=2", "--set", "optimizer_params.lr=2e-3", "--set", "tags=[x, y]"]
    ended = run("submit", job, *changes, environment=machine.environment)
    with machine.client() as client:
        submitted = client.run(ended.stdout.split()[0])
    assert submitted.spec["budget"]["steps"] == 2
    assert submitted.spec["optimizer_params"]["lr"] == 2e-3
    assert submitted.tags == ["x", "y"]


def test_watch_shows_progress_and_succeeds(finished: str, machine: Machine) -> None:
    ended = run("watch", finished[-8:], environment=machine.environment)
    assert ended.returncode == 0
    assert "completed, step 4/4, loss " in ended.stdout


def test_watch_follows_a_run_to_a_bad_end(machine: Machine) -> None:
    diverging = [
        "--set",
        "problem=rosenbrock",
        "--set",
        "optimizer=sgd",
        "--set",
        "optimizer_params={lr: 10.0}",
    ]
    ended = run(
        "submit",
        "-",
        "--watch",
        *diverging,
        "--set",
        "budget.steps=1000",
        environment=machine.environment,
        stdin=JOB,
    )
    assert ended.returncode == 1
    assert "failed (diverged)" in ended.stdout
    assert ended.stderr.startswith("hessianfree: ")
    assert "Traceback" not in ended.stderr


def test_runs_is_a_table(finished: str, machine: Machine) -> None:
    lines = run("runs", "--tag", "from-a-file", environment=machine.environment).stdout.splitlines()
    assert lines[0].split() == [
        "id",
        "state",
        "name",
        "problem",
        "optimizer",
        "loss",
        "best",
        "steps",
        "time",
    ]
    row = next(line for line in lines if line.startswith(finished[-8:]))
    for word in ("completed", "a finished run", "digits-classifier", "adam", "4/4"):
        assert word in row


def test_runs_as_json(finished: str, machine: Machine) -> None:
    page = json.loads(run("runs", "--json", "--state", "completed", environment=machine.environment).stdout)
    assert finished in {item["id"] for item in page["items"]}
    assert {item["state"] for item in page["items"]} == {"completed"}


def test_workers_is_a_table_and_json(machine: Machine) -> None:
    lines = run("workers", environment=machine.environment).stdout.splitlines()
    assert lines[0].split() == ["name", "state", "slots", "devices", "jobs", "last", "heard"]
    listed = json.loads(run("workers", "--json", environment=machine.environment).stdout)
    (worker,) = [item for item in listed if item["state"] != "gone"]
    (row,) = [line for line in lines[1:] if line.startswith(worker["name"])]
    assert f"/{worker['slots']}" in row
    assert "cpu" in row
    assert row.rstrip().endswith(" ago")


def test_runs_takes_a_filter_an_order_and_columns(finished: str, machine: Machine) -> None:
    asked = (
        "--filter",
        "step = 4 and tag : FROM-A",
        "--sort",
        "-loss.min",
        "--columns",
        "id,optimizer_params.lr,tag,ended",
    )
    ended = run("runs", *asked, environment=machine.environment)
    head, *lines = ended.stdout.splitlines()
    assert head.split() == ["id", "optimizer_params.lr", "tag", "ended"]
    row = next(line for line in lines if line.startswith(finished))
    assert "0.001" in row
    assert "from-a-file" in row
    rows = json.loads(run("runs", *asked, "--json", environment=machine.environment).stdout)
    assert finished in [row["id"] for row in rows]
    refused = run("runs", "--filter", "step =", environment=machine.environment)
    assert refused.returncode != 0
    assert "At character 7: a value was expected after '=', not the end." in refused.stderr


def test_options_before_the_verb(finished: str, machine: Machine) -> None:
    before = run("--server", machine.url, "runs", "--json")
    assert finished in before.stdout
    wins = run("--server", "http://127.0.0.1:9", "runs", "--json", "--server", machine.url)
    assert finished in wins.stdout


def test_beginnings_and_endings_stand_for_an_id(finished: str, machine: Machine) -> None:
    assert run("watch", finished[:-1], environment=machine.environment).returncode == 0
    assert run("watch", finished[-12:].upper(), environment=machine.environment).returncode == 0


def test_an_ambiguous_id_lists_the_candidates(finished: str, job: Path, machine: Machine) -> None:
    run("submit", job, environment=machine.environment)
    ended = run("watch", finished[:2], environment=machine.environment)
    assert ended.returncode == 2
    assert finished in ended.stderr
    assert "is short for" in ended.stderr


def test_cancel_ends_a_running_job_within_seconds(machine: Machine) -> None:
    long = ["--set", "budget.steps=1000000", "--set", "problem=quadratic", "--set", "optimizer=hessianfree"]
    long += ["--set", "optimizer_params={}"]
    run_id = run("submit", "-", *long, environment=machine.environment, stdin=JOB).stdout.split()[0]
    with machine.client() as client:
        deadline = time.monotonic() + 60
        while client.run(run_id).progress.step == 0:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert run("cancel", run_id, environment=machine.environment).returncode == 0
        asked = time.monotonic()
        while client.run(run_id).state != "cancelled":
            assert time.monotonic() - asked < 15
            time.sleep(0.05)
    assert run("watch", run_id, environment=machine.environment).returncode == 1


def test_export_writes_every_step(finished: str, machine: Machine, tmp_path: Path) -> None:
    def export(*arguments: str | Path) -> str:
        ended = run("export", finished, *arguments, environment=machine.environment)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    rows = list(csv.DictReader(io.StringIO(export())))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4"]
    lines = [json.loads(line) for line in export("--format", "jsonl").splitlines()]
    assert [line["loss"] for line in lines] == [float(row["loss"]) for row in rows]
    export("--output", tmp_path / "run.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "run.parquet")
    assert table.column("loss").to_pylist() == [line["loss"] for line in lines]


def test_problems_and_optimizers_show_parameters_with_defaults_and_bounds(machine: Machine) -> None:
    problems = run("problems", environment=machine.environment).stdout
    for name in ("digits-autoencoder", "digits-classifier", "rosenbrock", "beale", "himmelblau", "quadratic"):
        assert f"\n{name}  " in f"\n{problems}"
    assert "condition_number: number ≥ 1 and ≤ 1e+12, default 100" in problems
    listed = json.loads(run("optimizers", "--json", environment=machine.environment).stdout)
    assert {entry["name"] for entry in listed} >= {"hessianfree", "sgd", "adam", "adamw", "lbfgs"}
    assert "damping: " in run("optimizers", "hessianfree", environment=machine.environment).stdout


def test_db_upgrade_makes_the_schema(tmp_path: Path) -> None:
    for _ in range(2):  # a database that is up to date is left as it is
        assert run("db", "upgrade", "--data-dir", tmp_path).returncode == 0
    with sqlite3.connect(tmp_path / "hessianfree.sqlite") as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    database.close()
    assert {"runs", "alembic_version"} <= tables


def test_a_token_is_asked_for_and_kept(tmp_path: Path) -> None:
    token_file = tmp_path / "secrets" / "token"
    arguments = ("serve", "--port", "0", "--data-dir", tmp_path / "data", "--token-file", token_file)
    with launched(*arguments, output=tmp_path / "serve.log") as server:
        url = server.wait_for_url()
        token = token_file.read_text(encoding="utf-8").strip()
        assert server.text().count(token) == 1
        assert token_file.stat().st_mode & 0o777 == 0o600
        refused = run("runs", "--server", url)
        assert refused.returncode == 1
        assert "token" in refused.stderr.lower()
        assert run("runs", "--server", url, "--token", token).returncode == 0
        assert run("runs", "--server", url, "--token-file", token_file).returncode == 0
        for variables in ({"HESSIANFREE_TOKEN": token}, {"HESSIANFREE_TOKEN_FILE": str(token_file)}):
            assert run("runs", "--server", url, environment=clean_environment(**variables)).returncode == 0
    with launched(*arguments, output=tmp_path / "again.log") as server:
        server.wait_for_url()
        assert token not in server.text()
        assert token_file.read_text(encoding="utf-8").strip() == token


def test_an_unexpected_error_is_one_line_and_its_traceback_is_there_for_the_asking(tmp_path: Path) -> None:
    # The answer of something that is no server of ours: nobody foresaw it, and it is not the user's mistake.
    (tmp_path / "api" / "v1").mkdir(parents=True)
    (tmp_path / "api" / "v1" / "problems").write_text("not JSON", encoding="utf-8")
    stranger = subprocess.Popen(
        [sys.executable, "-c", STRANGER],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert stranger.stdout
        url = f"http://127.0.0.1:{stranger.stdout.readline().strip()}"
        ended = run("problems", "--server", url)
        assert ended.returncode == 1
        assert len(ended.stderr.splitlines()) == 1
        assert "Traceback" not in ended.stderr
        assert "Traceback" in run("--debug", "problems", "--server", url).stderr
        environment = clean_environment(HESSIANFREE_DEBUG="1")
        assert "Traceback" in run("problems", "--server", url, environment=environment).stderr
    finally:
        stranger.kill()
        stranger.communicate()
