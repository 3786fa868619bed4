"""A mistake gets a sentence that names it, and never a traceback: through the command line and through HTTP."""

import json
import socket
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from system.conftest import Machine
from system.launch import clean_environment, run

JOB: dict[str, Any] = {"problem": "quadratic", "optimizer": "sgd", "budget": {"steps": 2}}


def expect_sentence(ended: subprocess.CompletedProcess[str], *words: str, code: int = 2) -> None:
    """It failed with `code`, and with a sentence that has all the words."""
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.startswith(("hessianfree: ", "Usage: ")), ended.stderr
    for word in words:
        assert word in ended.stderr, ended.stderr


MISTAKES = [
    pytest.param({"problem": "rosenbrok"}, ["rosenbrok", "rosenbrock"], id="unknown problem"),
    pytest.param({"optimizer": "hessianfee"}, ["hessianfee", "hessianfree"], id="unknown optimizer"),
    pytest.param(
        {"optimizer_params": {"lr": -1.0}}, ["optimizer_params.lr", "-1"], id="option out of bounds"
    ),
    pytest.param({"optimizer_params": {"speed": 3}}, ["optimizer_params", "speed"], id="unknown option"),
    pytest.param(
        {"problem_params": {"dimension": "big"}}, ["problem_params.dimension", "big"], id="wrong type"
    ),
    pytest.param({"budgets": {"steps": 1}}, ["budgets"], id="unknown key"),
    pytest.param({"budget": {"steps": 0}}, ["budget.steps"], id="budget of nothing"),
    pytest.param({"problem": None}, ["problem"], id="no problem"),
]


@pytest.mark.parametrize(("mistake", "words"), MISTAKES)
def test_mistaken_job_by_command_line(
    mistake: dict[str, Any], words: list[str], machine: Machine, tmp_path: Path
) -> None:
    file = tmp_path / "job.json"
    file.write_text(json.dumps(JOB | mistake), encoding="utf-8")
    expect_sentence(run("submit", file, environment=machine.environment), *words)


@pytest.mark.parametrize(("mistake", "words"), MISTAKES)
def test_mistaken_job_by_http(mistake: dict[str, Any], words: list[str], machine: Machine) -> None:
    answer = httpx.post(f"{machine.url}/api/v1/jobs", json=JOB | mistake)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 422
    assert problem["errors"]
    for word in words:
        assert word in json.dumps(problem["errors"], ensure_ascii=False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("problem: [unclosed", ["line 1"], id="broken YAML"),
        pytest.param("{", ["not valid YAML"], id="broken JSON"),
        pytest.param("- problem", ["mapping", "a list"], id="a list"),
        pytest.param("", ["mapping", "nothing"], id="an empty file"),
    ],
)
def test_mistaken_job_file(text: str, words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(text, encoding="utf-8")
    expect_sentence(run("submit", file), str(file), *words)
    expect_sentence(run("submit", "-", stdin=text), "standard input", *words)


@pytest.mark.parametrize(
    ("change", "words"),
    [("budget", ["budget.steps=50"]), ("problem.x=1", ["problem is 'quadratic'"]), ("seed=[", ["YAML"])],
)
def test_mistaken_change(change: str, words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text(json.dumps(JOB), encoding="utf-8")
    expect_sentence(run("submit", file, "--set", change), *words)


def test_job_file_that_is_not_there(tmp_path: Path) -> None:
    expect_sentence(run("submit", tmp_path / "none.yaml"), "none.yaml", "no such file")


def test_broken_json_by_http(machine: Machine) -> None:
    headers = {"content-type": "application/json"}
    answer = httpx.post(f"{machine.url}/api/v1/jobs", content=b'{"problem": ', headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


def test_large_body(machine: Machine, tmp_path: Path) -> None:
    large = json.dumps(JOB | {"notes": "x" * 1024 * 1024})
    answer = httpx.post(
        f"{machine.url}/api/v1/jobs", content=large, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    file = tmp_path / "large.json"
    file.write_text(large, encoding="utf-8")
    expect_sentence(run("submit", file, environment=machine.environment), "larger")


@pytest.mark.parametrize("verb", ["watch", "cancel", "pause", "export"])
@pytest.mark.parametrize("run_id", ["ffffffff", "00000000-0000-7000-8000-000000000000"])
def test_run_that_is_not_there(verb: str, run_id: str, machine: Machine) -> None:
    expect_sentence(run(verb, run_id, environment=machine.environment), "no run", run_id)


def test_run_that_is_not_there_by_http(machine: Machine) -> None:
    for path in ("runs/none", "runs/none/metrics", "runs/none/logs", "runs/none/metrics.csv"):
        answer = httpx.get(f"{machine.url}/api/v1/{path}")
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"


def test_cancel_of_a_finished_run(machine: Machine) -> None:
    with machine.client() as client:
        finished = client.submit(JOB)
        assert run("watch", finished.id, environment=machine.environment).returncode == 0
    expect_sentence(run("cancel", finished.id, environment=machine.environment), "completed", code=1)
    answer = httpx.post(f"{machine.url}/api/v1/jobs/{finished.id}/cancel")
    assert answer.status_code == 409
    assert answer.json()["state"] == "completed"


def test_unknown_name_of_a_problem(machine: Machine) -> None:
    expect_sentence(run("problems", "rosenbrok", environment=machine.environment), "rosenbrok", "rosenbrock")


def test_verb_option_and_value_that_do_not_exist() -> None:
    expect_sentence(run("sumbit"), "sumbit")
    expect_sentence(run("runs", "--sate", "queued"), "--sate")
    expect_sentence(run("runs", "--limit", "many"), "--limit")
    expect_sentence(run("serve", "--port", "99999"), "--port", "65535")


def test_setting_that_has_no_meaning() -> None:
    expect_sentence(
        run("serve", environment=clean_environment(HESSIANFREE_PORT="http")), "HESSIANFREE_PORT", "'http'"
    )


def test_no_server_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    expect_sentence(run("runs", "--server", f"127.0.0.1:{port}"), f"127.0.0.1:{port}", code=1)


def test_server_address_that_is_none() -> None:
    expect_sentence(run("runs", "--server", "http://"), code=1)


@pytest.mark.parametrize("verb", ["serve", "up"])
def test_port_in_use(verb: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run(verb, "--port", port, "--data-dir", tmp_path)
    expect_sentence(ended, str(port), "in use", "--port", code=2 if verb == "serve" else 1)


@pytest.mark.parametrize("verb", ["serve", "up"])
def test_data_directory_that_cannot_be_written(verb: str, tmp_path: Path) -> None:
    # Below a file: root may write anywhere else.
    (tmp_path / "file").write_text("", encoding="utf-8")
    ended = run(verb, "--port", "0", "--data-dir", tmp_path / "file" / "data")
    expect_sentence(ended, "file/data", "cannot be written", code=2 if verb == "serve" else 1)


def test_data_directory_of_another_server(machine: Machine) -> None:
    expect_sentence(
        run("serve", "--port", "0", "--data-dir", machine.data_dir), str(machine.data_dir), "server"
    )


def test_database_from_a_newer_version(tmp_path: Path) -> None:
    assert run("db", "upgrade", "--data-dir", tmp_path).returncode == 0
    with sqlite3.connect(tmp_path / "hessianfree.sqlite") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    for command in (["serve", "--port", "0"], ["db", "upgrade"]):
        expect_sentence(run(*command, "--data-dir", tmp_path), "newer")


def test_database_url_that_is_none(tmp_path: Path) -> None:
    ended = run("serve", "--port", "0", "--data-dir", tmp_path, "--database-url", "no-database")
    expect_sentence(ended, "no-database")


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_beyond_loopback_without_a_token(host: str, tmp_path: Path) -> None:
    expect_sentence(
        run("serve", "--host", host, "--port", "0", "--data-dir", tmp_path), host, "HESSIANFREE_TOKEN"
    )


def test_host_that_is_no_address_of_this_machine(tmp_path: Path) -> None:
    ended = run("serve", "--host", "203.0.113.1", "--port", "0", "--token", "secret", "--data-dir", tmp_path)
    expect_sentence(ended, "203.0.113.1")


def test_token_file_that_cannot_be_used(tmp_path: Path) -> None:
    expect_sentence(run("runs", "--token-file", tmp_path / "none"), "none", "cannot be read")
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    expect_sentence(run("runs", "--token-file", tmp_path / "empty"), "empty")
    (tmp_path / "file").write_text("", encoding="utf-8")
    expect_sentence(run("serve", "--token-file", tmp_path / "file" / "token"), "file/token", "cannot be made")


def test_a_heartbeat_file_that_cannot_be_made(tmp_path: Path) -> None:
    refused = run("work", "--heartbeat-file", tmp_path / "nowhere" / "heartbeat", "--data-dir", tmp_path)
    expect_sentence(refused, "heartbeat file", str(tmp_path / "nowhere"), "no such file or directory")
