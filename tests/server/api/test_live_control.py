"""Pausing, resuming and changing jobs over HTTP."""

from typing import Any

import pytest

from hessianfree_lab.records import Applied
from server.api.in_process import JSON, InProcess
from server.makers import HESSIANFREE_SCHEMA, announcement, batch, optimizer

API = "/api/v1"
SETTABLE = ["damping", "cg_max_iter"]


@pytest.fixture
def worker(http: InProcess) -> str:
    """A worker whose `hessianfree` can be given another damping and limit of CG."""
    known = announcement(
        optimizers=[
            optimizer("hessianfree", HESSIANFREE_SCHEMA).model_copy(update={"settable": SETTABLE}),
            optimizer("adam"),
        ]
    )
    return http.post(f"{API}/workers", content=known.model_dump_json(), headers=JSON).json()["id"]


@pytest.fixture
def job(http: InProcess, worker: str) -> str:
    return submitted(http)


def submitted(http: InProcess, **spec: Any) -> str:
    answer = http.post(f"{API}/jobs", json={"problem": "bowl"} | spec)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def claim(http: InProcess, worker: str) -> dict[str, Any]:
    return http.post(f"{API}/workers/{worker}/claim", json={}).json()


def commands(http: InProcess, worker: str, run: str) -> list[dict[str, Any]]:
    body = {"runs": [{"run": run, "attempt": 1}], "wait_seconds": 5}
    return http.post(f"{API}/workers/{worker}/heartbeat", json=body).json()["commands"]


def acknowledge(http: InProcess, run: str, number: int, step: int) -> None:
    content = batch(applied=[Applied(number=number, step=step)]).model_dump_json()
    assert http.post(f"{API}/runs/{run}/records", content=content, headers=JSON).status_code == 200


def test_a_running_job_is_paused_and_resumed(http: InProcess, worker: str, job: str) -> None:
    claim(http, worker)
    asked = http.post(f"{API}/jobs/{job}/pause")
    assert (asked.status_code, asked.json()["state"], asked.json()["pause_requested"]) == (
        200,
        "running",
        True,
    )
    (command,) = commands(http, worker, job)
    assert (command["kind"], command["number"]) == ("pause", 1)
    acknowledge(http, job, 1, step=3)
    assert http.get(f"{API}/jobs/{job}").json()["state"] == "paused"
    assert http.post(f"{API}/jobs/{job}/resume").json()["pause_requested"] is False
    acknowledge(http, job, 2, step=3)
    assert http.get(f"{API}/jobs/{job}").json()["state"] == "running"
    listed = http.get(f"{API}/runs/{job}/controls").json()
    assert [(c["kind"], c["step"], c["attempt"]) for c in listed["items"]] == [
        ("pause", 3, 1),
        ("resume", 3, 1),
    ]


def test_settings_are_accepted_told_and_listed(http: InProcess, worker: str, job: str) -> None:
    claim(http, worker)
    settings = {"damping": 0.5, "budget": {"steps": 50, "seconds": None}}
    answer = http.post(f"{API}/jobs/{job}/set", json=settings)
    assert answer.status_code == 202
    assert (answer.json()["number"], answer.json()["settings"]) == (1, settings)
    (command,) = commands(http, worker, job)
    assert (command["kind"], command["settings"]) == ("set", settings)
    acknowledge(http, job, 1, step=9)
    assert http.get(f"{API}/runs/{job}/controls").json()["items"][0]["step"] == 9
    assert http.get(f"{API}/runs/{job}").json()["progress"]["steps"] == 50


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {"": "There is nothing to change: give a setting or a budget."}),
        ({"budget": {}}, {"": "There is nothing to change: give a setting or a budget."}),
        ({"damping": 0}, {"damping": "damping is 0; it must be above 0."}),
        (
            {"damping": "Infinity", "cg_max_iter": 0},
            {
                "damping": "damping is 'Infinity'; it must be a number.",
                "cg_max_iter": "cg_max_iter is 0; it must be at least 1.",
            },
        ),
        (
            {"dampng": 1.0},
            {"dampng": "dampng of 'hessianfree' cannot be changed while it runs. Did you mean 'damping'?"},
        ),
        (
            {"cg_max_iter": 10**2000},
            {"": "The settings take 2017 bytes as JSON; at most 2000 are allowed."},
        ),
        ({"budget": {"steps": 0}}, {"budget.steps": "budget.steps is 0; it must be at least 1."}),
        ({"budget": {"stepz": 1}}, {"budget.stepz": "budget.stepz is not a known key."}),
    ],
)
def test_settings_that_cannot_be_are_refused(
    http: InProcess, job: str, body: dict[str, Any], faults: dict[str, str]
) -> None:
    answer = http.post(f"{API}/jobs/{job}/set", json=body)
    assert answer.status_code == 422
    assert {fault["path"]: fault["message"] for fault in answer.json()["errors"]} == faults
    assert http.get(f"{API}/runs/{job}/controls").json()["items"] == []


def test_an_optimizer_without_settable_parameters_takes_a_budget_alone(http: InProcess, worker: str) -> None:
    job = submitted(http, optimizer="adam")
    refused = http.post(f"{API}/jobs/{job}/set", json={"lr": 0.1})
    assert refused.json()["detail"] == ("lr of 'adam' cannot be changed while it runs. What can be: budget.")
    assert http.post(f"{API}/jobs/{job}/set", json={"budget": {"steps": 5}}).status_code == 202
    assert claim(http, worker)["controls"][0]["settings"] == {"budget": {"steps": 5}}


def test_an_ended_job_cannot_be_controlled(http: InProcess, job: str) -> None:
    http.post(f"{API}/jobs/{job}/cancel")
    for verb, body in (("pause", None), ("resume", None), ("set", {"damping": 1.0})):
        answer = http.post(f"{API}/jobs/{job}/{verb}", json=body)
        assert (answer.status_code, answer.json()["state"]) == (409, "cancelled")
    missing = http.post(f"{API}/jobs/nothing/set", json={"damping": 1.0})
    assert missing.status_code == 404


def test_the_attempts_of_a_run_are_listed(http: InProcess, worker: str, job: str) -> None:
    claim(http, worker)
    body = {"attempt": 1, "state": "interrupted", "error": "The worker was stopped."}
    http.post(f"{API}/runs/{job}/finish", json=body)
    claim(http, worker)
    first, second = http.get(f"{API}/runs/{job}/attempts").json()["items"]
    assert (first["number"], first["outcome"], first["error"]) == (
        1,
        "interrupted",
        "The worker was stopped.",
    )
    assert (second["number"], second["worker"], second["outcome"]) == (2, worker, None)


def test_a_worker_hears_which_runs_there_are(http: InProcess, worker: str, job: str) -> None:
    claim(http, worker)
    answer = http.post(f"{API}/workers/{worker}/runs", json={"runs": [job, "gone"]})
    assert answer.json() == {"states": {job: "running"}}
