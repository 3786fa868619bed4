"""Checking a job without queueing it, and the queue as it is shown and put in order."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hessianfree_lab.documents import has_comments, positions, read_yaml, write_yaml
from hessianfree_lab.records import DeviceLoad
from server.api.in_process import JSON, InProcess
from server.makers import announcement, optimizer, steps

JOBS = "/api/v1/jobs"
CHECK = "/api/v1/check"
QUEUE = "/api/v1/queue"
YAML = {"Content-Type": "application/yaml"}

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner), max_leaves=8
)


def test_a_check_tells_the_whole_job_and_queues_nothing(http: InProcess, worker: str) -> None:
    job = {
        "problem": "bowl",
        "problem_params": {"dimension": 5},
        "optimizer_params": {"damping": 1.0},
        "seed": 3,
    }
    answer = http.post(CHECK, json=job)
    assert answer.status_code == 200
    told = answer.json()
    assert told["spec"]["optimizer_params"] == {"damping": 1.0, "cg_max_iter": 250}
    assert told["differs"] == {
        "problem": "bowl",
        "problem_params": {"dimension": 5},
        "optimizer": "hessianfree",
        "seed": 3,
    }
    assert told["yaml"] == "problem: bowl\nproblem_params:\n  dimension: 5\noptimizer: hessianfree\nseed: 3\n"
    assert (told["estimate"]["workers"], told["estimate"]["starts_in_seconds"]) == (1, 0)
    assert http.get(JOBS).json()["items"] == []


def test_what_a_check_tells_makes_the_same_job(http: InProcess, worker: str) -> None:
    text = "problem: bowl # deep\nname: n\nproblem_params: {dimension: 2, condition: 1e3}\nbudget: {seconds: 3}\n"
    told = http.post(CHECK, content=text, headers=YAML).json()
    assert told["has_comments"]
    assert "#" not in told["yaml"]
    again = http.post(CHECK, content=told["yaml"], headers=YAML).json()
    assert (again["spec"], again["yaml"], again["has_comments"]) == (told["spec"], told["yaml"], False)
    run = http.post(JOBS, content=told["yaml"], headers=YAML).json()
    assert run["spec"] == told["spec"]


@pytest.mark.parametrize("path", [JOBS, CHECK])
def test_faults_of_a_text_say_where_they_are(http: InProcess, worker: str, path: str) -> None:
    text = (
        "problem: bowl\nproblem_params:\n  dimension: 2\n"
        "optimizer_params:\n  damping: -1\n  dampnig: 2\ntags: [a, '']\n"
    )
    answer = http.post(path, content=text, headers=YAML)
    assert answer.status_code == 422
    found = {fault["path"]: text[fault["position"] :].split(":")[0] for fault in answer.json()["errors"]}
    assert found == {"tags.1": "'']\n"}
    answer = http.post(path, content=text.replace(", ''", ""), headers=YAML)
    found = {fault["path"]: text[fault["position"] :].split(":")[0] for fault in answer.json()["errors"]}
    assert found == {"optimizer_params.damping": "damping", "optimizer_params.dampnig": "dampnig"}
    missing = http.post(path, content="optimizer: adam\n", headers=YAML).json()["errors"]
    assert missing == [{"path": "problem", "message": "problem is missing."}]


def test_a_text_that_is_no_yaml_is_refused_with_its_place(http: InProcess, worker: str) -> None:
    answer = http.post(CHECK, content="problem: bowl\nbudget: {steps: 3\n", headers=YAML)
    assert answer.status_code == 400
    told = answer.json()
    assert (told["line"], told["column"]) == (3, 1)
    assert "line 3, column 1" in told["detail"]


@given(VALUES)
@example(
    {"a": "1e-3", "b": "010", "c": "no", "d": "1:30", "e": ".5e3", "f": "null", "g": "two\nlines # no\n"}
)
@example({"\x85": "a\u2028b\nc\u2029"})
def test_what_is_written_as_yaml_is_read_as_the_same(value: Any) -> None:
    assert read_yaml(write_yaml(value)) == value


@pytest.mark.parametrize(
    ("text", "has_some"),
    [
        ("a: 1 # one", True),
        ("# first\na: 1", True),
        ("a: 1\n# last", True),
        ("a: 'x # y'", False),
        ("a: |\n  x # y\nb: 2", False),
        ("a: x#y", False),
    ],
)
def test_comments_are_told_from_text(text: str, has_some: bool) -> None:
    assert has_comments(text) is has_some


def test_places_of_keys_are_those_of_nested_ones_too() -> None:
    text = "a:\n  b: {c: 1}\nd: [x, {e: 2}]"
    told = {path: text[position] for path, position in positions(text).items()}
    assert told == {"a": "a", "a.b": "b", "a.b.c": "c", "d": "d", "d.0": "x", "d.1": "{", "d.1.e": "e"}


def test_the_queue_is_read_in_parts_and_put_in_order(http: InProcess, worker: str) -> None:
    ids = [http.post(JOBS, json={"problem": "bowl", "name": name}).json()["id"] for name in "abc"]
    moved = http.post(f"{JOBS}/{ids[2]}/move", json={"before": ids[0]})
    assert (moved.status_code, moved.json()["id"], moved.json()["priority"]) == (200, ids[2], 1)
    page = http.get(f"{QUEUE}?start=2&limit=1").json()
    assert (page["waiting"], [place["run"]["name"] for place in page["items"]]) == (3, ["a"])
    assert page["items"][0]["position"] == 2
    assert page["items"][0]["estimate"]["ahead"] == 1
    assert http.get(f"{JOBS}/{ids[0]}/place").json() == page["items"][0]


@pytest.mark.parametrize("body", [{}, {"to": "middle"}, {"to": "first", "before": "x"}, {"before": None}])
def test_a_move_names_one_target(http: InProcess, worker: str, body: dict[str, Any]) -> None:
    run = http.post(JOBS, json={"problem": "bowl"}).json()["id"]
    assert http.post(f"{JOBS}/{run}/move", json=body).status_code == 422


def test_a_job_that_was_claimed_is_not_moved(http: InProcess, worker: str) -> None:
    run = http.post(JOBS, json={"problem": "bowl"}).json()["id"]
    other = http.post(JOBS, json={"problem": "bowl"}).json()["id"]
    http.post(f"/api/v1/workers/{worker}/claim", json={})
    answer = http.post(f"{JOBS}/{other}/move", json={"before": run})
    assert (answer.status_code, answer.json()["state"]) == (409, "running")
    assert http.get(f"{JOBS}/{run}/place").status_code == 409


def test_a_worker_says_what_its_devices_are_busy_with(http: InProcess, worker: str) -> None:
    assert http.get("/api/v1/workers").json()["items"][0]["load"] == []
    told = {"device": "cpu", "memory_used_bytes": 2, "memory_total_bytes": 8, "utilisation": 0.25}
    load = [DeviceLoad(**told).model_dump(mode="json")]
    beat = http.post(f"/api/v1/workers/{worker}/heartbeat", json={"load": load})
    assert beat.status_code == 200
    assert http.get("/api/v1/workers").json()["items"][0]["load"] == load
    too_much = http.post(f"/api/v1/workers/{worker}/heartbeat", json={"load": [load[0] | {"utilisation": 2}]})
    assert too_much.status_code == 422
    http.delete(f"/api/v1/workers/{worker}")
    assert http.get("/api/v1/workers").json()["items"][0]["load"] == []


def test_parameters_without_defaults_are_no_hindrance_to_a_check(http: InProcess) -> None:
    schema = {"type": "object", "properties": {"rate": {"type": "number"}}, "required": ["rate"]}
    body = announcement(optimizers=[optimizer("plain", schema)]).model_dump_json()
    http.post("/api/v1/workers", content=body, headers=JSON)
    job = {
        "problem": "bowl",
        "optimizer": "plain",
        "problem_params": {"dimension": 2},
        "optimizer_params": {"rate": 0.5},
    }
    told = http.post(CHECK, json=job).json()
    assert told["differs"]["optimizer_params"] == {"rate": 0.5}


def test_an_estimate_follows_the_pace_of_what_runs(http: InProcess, worker: str) -> None:
    run = http.post(JOBS, json={"problem": "bowl", "problem_params": {"dimension": 2}}).json()["id"]
    http.post(f"/api/v1/workers/{worker}/claim", json={})
    http.post(f"/api/v1/runs/{run}/records", content=steps(1, 21).model_dump_json(), headers=JSON)
    told = http.post(CHECK, json={"problem": "bowl", "problem_params": {"dimension": 2}}).json()["estimate"]
    assert told["starts_in_seconds"] == pytest.approx(79, rel=0.05)
    assert told["sentence"].startswith("No job waits before it.")


def test_a_sweep_is_checked_likewise(http: InProcess, worker: str) -> None:
    text = (
        "base: {problem: bowl, problem_params: {dimension: 3}}\n"
        "search:\n  method: grid # all\n  space:\n    optimizer_params.damping: [0.1, 1.0]\n"
        "    optimizer_params.cg_max_iter: {low: 1, high: 3}\nseeds: [1, 2]\n"
    )
    told = http.post(CHECK, content=text, headers=YAML).json()
    assert (told["trials"], told["runs"], told["has_comments"]) == (6, 12, True)
    assert told["spec"]["problem"] == "bowl"
    assert told["differs"] == {
        "base": {"problem": "bowl", "problem_params": {"dimension": 3}, "optimizer": "hessianfree"},
        "search": {
            "method": "grid",
            "space": {
                "optimizer_params.damping": [0.1, 1.0],
                "optimizer_params.cg_max_iter": {"low": 1, "high": 3},
            },
        },
        "seeds": [1, 2],
    }
    again = http.post(CHECK, content=told["yaml"], headers=YAML).json()
    assert (again["sweep"], again["yaml"]) == (told["sweep"], told["yaml"])
    wrong = http.post(CHECK, content=text.replace("0.1", "-1"), headers=YAML)
    (fault,) = wrong.json()["errors"]
    assert fault["path"] == "search.space.optimizer_params.damping.choices.0"
    assert text[fault["position"] :].startswith("optimizer_params.damping")
    assert http.get("/api/v1/sweeps").json()["items"] == []
