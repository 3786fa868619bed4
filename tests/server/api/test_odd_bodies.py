"""Bodies that nobody in their right mind sends: each is told what is wrong, none is a fault of the server."""

import json
from typing import Any

import pytest

from server.api.in_process import JSON, InProcess

API = "/api/v1"
RUNS, JOBS = f"{API}/runs", f"{API}/jobs"
HUGE = 10**30
SPECTRUM = {
    "dimension": 1, "largest": 1, "largest_error": 0, "smallest": 1, "smallest_error": 0, "trace": 1, "nodes": [],
    "weights": [], "probes": 1, "products": 1,
}  # fmt: skip
CIRCLE = {"$ref": "#"}


@pytest.fixture
def run(http: InProcess) -> str:
    """A run's address."""
    return f"{RUNS}/{http.post(RUNS, json={'name': 'mine'}).json()['id']}"


@pytest.mark.parametrize("path", [RUNS, JOBS, "records"])
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"config": ' + b'{"a":' * 400 + b"1" + b"}" * 401, "nested too deeply"),
        (b'{"config": {"n": ' + b"9" * 5_000 + b"}}", ""),
        (b'{"name": "\\ud800"}', "no Unicode"),
        (b'{"config": {"\\ud800": 1}}', "no Unicode"),
        (b'{"name": "\xff"}', "not text in UTF-8"),
        (b"", "line 1, column 1"),
        (b'{"name": }', "line 1, column 10"),
    ],
)
def test_what_is_no_json_is_said_so(http: InProcess, run: str, path: str, body: bytes, words: str) -> None:
    answer = http.post(f"{run}/records" if path == "records" else path, content=body, headers=JSON)
    if not body and path == RUNS:
        words = "The body is missing"
    assert answer.status_code in (400, 422)
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (RUNS, {"name": "x", "steps": HUGE}),
        ("records", {"attempt": HUGE}),
        ("records", {"steps": [{"step": HUGE}]}),
        ("records", {"cg": [{"step": HUGE}]}),
        ("records", {"spectra": [SPECTRUM | {"step": HUGE}]}),
        ("records", {"applied": [{"number": HUGE, "step": 1}]}),
        ("records", {"logs": [{"number": 0, "text": "", "time": "9999-12-31T23:59:59-23:59"}]}),
        ("records", {"steps": [{"step": 1, "wall_time": "0001-01-01T00:00:00+23:59"}]}),
        ("records", {"steps": [{"step": number} for number in range(1, 6000)]}),
        ("finish", {"state": "completed", "attempt": HUGE}),
        (f"{API}/workers", {"name": "w", "host": "h", "pid": HUGE}),
        (f"{API}/workers", {"name": "w", "host": "h", "pid": 1, "slots": HUGE}),
        (f"{API}/workers/x/heartbeat", {"runs": [{"run": "x", "attempt": HUGE}]}),
    ],
)
def test_numbers_have_bounds(http: InProcess, run: str, path: str, body: Any) -> None:
    answer = http.post(
        path if path.startswith("/") else f"{run}/{path}", content=json.dumps(body), headers=JSON
    )
    assert answer.status_code == 422


@pytest.mark.parametrize("path", [f"steps/{HUGE}/cg", f"steps/{HUGE}/spectrum", "steps/0/cg"])
def test_steps_in_addresses_have_bounds(http: InProcess, run: str, path: str) -> None:
    assert http.get(f"{run}/{path}").status_code == 422


def test_what_is_odd_but_json_is_kept(http: InProcess, run: str) -> None:
    body = b'{"steps": [{"step": 9007199254740992, "loss": 1e999, "n": ' + b"9" * 400 + b"}]}"
    assert http.post(f"{run}/records", content=body, headers=JSON).status_code == 200
    for suffix in ("metrics", "metrics.csv", "metrics.jsonl", "metrics.parquet"):
        assert http.get(f"{run}/{suffix}").status_code == 200
    twice = http.post(RUNS, content=b'{"name": "a", "name": "b", "config": {"n": NaN}}', headers=JSON)
    assert (twice.status_code, twice.json()["name"]) == (201, "b")
    assert twice.json()["spec"]["config"] == {"n": "NaN"}


def test_a_schema_that_leads_round_in_a_circle_is_told_to_who_uses_it(http: InProcess) -> None:
    info = {"title": "", "description": ""}
    announced = {
        "name": "w",
        "host": "h",
        "pid": 1,
        "problems": [info | {"name": "p", "params_schema": CIRCLE}],
        "optimizers": [info | {"name": "o", "params_schema": {"type": "object"}}],
    }
    assert http.post(f"{API}/workers", json=announced).status_code == 201
    refused = http.post(JOBS, json={"problem": "p", "optimizer": "o", "problem_params": {"a": 1}})
    assert refused.status_code == 422
    assert "round in a circle" in refused.json()["detail"]


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system",
        "[" * 5_000,
        "problem: p\nseed: " + "9" * 5_000,
        'problem_params: {a: "\\ud800"}',
    ],
)
def test_yaml_is_data_alone(http: InProcess, text: str) -> None:
    answer = http.post(JOBS, content=text, headers={"Content-Type": "application/yaml"})
    assert answer.status_code == 400
    assert "This is not valid YAML" in answer.json()["detail"]
