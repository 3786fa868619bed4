"""Submitting a job: what is accepted, what is filled in, what is said when it is not."""

from typing import Any

import pytest

from hessianfree_lab.api.submission import check_job
from hessianfree_lab.errors import InvalidRequest
from server.api.in_process import JSON, InProcess
from server.makers import announcement, images, optimizer, problem

JOBS = "/api/v1/jobs"
WORKERS = "/api/v1/workers"
YAML = {"Content-Type": "application/yaml"}


def test_a_job_is_queued_with_all_its_defaults(http: InProcess, worker: str) -> None:
    answer = http.post(JOBS, json={"problem": "bowl", "problem_params": {"dimension": 5}})
    assert answer.status_code == 201
    run = answer.json()
    assert answer.headers["location"] == f"/api/v1/jobs/{run['id']}"
    assert http.get(answer.headers["location"]).json() == run
    assert (run["state"], run["name"]) == ("queued", "hessianfree on bowl")
    assert run["spec"]["problem_params"] == {"dimension": 5, "condition": None, "shape": {"kind": "round"}}
    assert run["spec"]["optimizer_params"] == {"damping": 1.0, "cg_max_iter": 250}
    assert run["spec"]["budget"] == {"steps": 100, "seconds": None, "target_loss": None}


def test_several_processes_need_a_problem_and_an_optimizer_that_can_be_divided() -> None:
    job, dividing = {"problem": "bowl", "resources": {"processes": 2}}, optimizer("hessianfree")
    dividing = dividing.model_copy(update={"divides": True})
    with pytest.raises(InvalidRequest, match=r"it must be 1: 'bowl' has no cases to share\."):
        check_job(job, [problem("bowl")], [dividing])
    divisible = problem("bowl").model_copy(update={"divisible": True})
    assert check_job(job, [divisible], [dividing]).resources.processes == 2


def test_yaml_means_the_same_as_json(http: InProcess, worker: str) -> None:
    text = "name: mine\nproblem: bowl\noptimizer_params: {damping: 1e-3}\nbudget:\n  steps: 7\ntags: [a]\n"
    run = http.post(JOBS, content=text, headers=YAML).json()
    assert run["name"] == "mine"
    assert run["spec"]["optimizer_params"]["damping"] == 1e-3
    assert (run["spec"]["budget"]["steps"], run["tags"]) == (7, ["a"])


def test_the_same_key_makes_one_run(http: InProcess, worker: str) -> None:
    first = http.post(JOBS, json={"problem": "bowl"}, headers={"Idempotency-Key": "k"})
    again = http.post(JOBS, json={"problem": "bowl"}, headers={"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert again.headers["location"] == first.headers["location"]


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        (
            {"problem": "bolw"},
            "problem",
            "No worker knows the problem 'bolw'. Did you mean 'bowl'? Known: bowl.",
        ),
        (
            {"optimizer": "Adma"},
            "optimizer",
            "No worker knows the optimizer 'Adma'. Did you mean 'adam'? Known: adam, hessianfree.",
        ),
        ({"budjet": {}}, "budjet", "budjet is not a known key. Did you mean 'budget'?"),
        ({"budget": {"step": 1}}, "budget.step", "budget.step is not a known key. Did you mean 'steps'?"),
        ({"budget": {"steps": 0}}, "budget.steps", "budget.steps is 0; it must be at least 1."),
        ({"budget": {"steps": "many"}}, "budget.steps", "budget.steps is 'many'; it must be a whole number."),
        (
            {"budget": {"seconds": "NaN"}},
            "budget.seconds",
            "budget.seconds is 'NaN'; it must be a finite number.",
        ),
        ({"budget": 3}, "budget", "budget is 3; it must be a mapping."),
        ({"priority": 5000}, "priority", "priority is 5000; it must be at most 1000."),
        ({"tags": "a"}, "tags", "tags is 'a'; it must be a list."),
        ({"tags": [""]}, "tags.0", "tags.0 is '': string should have at least 1 character."),
        ({"dtype": "half"}, "dtype", "dtype is 'half': string should match pattern '^(float32|float64)$'."),
        (
            {"device": "cpu", "resources": {"gpus": 1}},
            "resources.gpus",
            "resources.gpus is 1; it must be 0 when device is 'cpu'.",
        ),
        (
            {"device": "cuda:1", "resources": {"gpus": 2}},
            "device",
            "device is 'cuda:1', one GPU; with resources.gpus = 2 it must be 'cuda'.",
        ),
        (
            {"resources": {"processes": 2}},
            "resources.processes",
            "resources.processes is 2; it must be 1: a step of 'hessianfree' is taken by one process.",
        ),
        (
            {"optimizer_params": {"dampnig": 1}},
            "optimizer_params.dampnig",
            "optimizer_params.dampnig is not a known key. Did you mean 'damping'?",
        ),
        (
            {"optimizer_params": {"x": 1}},
            "optimizer_params.x",
            "optimizer_params.x is not a known key. Known keys: cg_max_iter, damping.",
        ),
        (
            {"optimizer_params": {"damping": -1}},
            "optimizer_params.damping",
            "optimizer_params.damping is -1; it must be above 0.",
        ),
        (
            {"optimizer_params": {"damping": "1"}},
            "optimizer_params.damping",
            "optimizer_params.damping is '1'; it must be a number.",
        ),
        (
            {"problem_params": {"dimension": 2.5}},
            "problem_params.dimension",
            "problem_params.dimension is 2.5; it must be a whole number.",
        ),
        (
            {"problem_params": {"dimension": 5000}},
            "problem_params.dimension",
            "problem_params.dimension is 5000; it must be at most 1000.",
        ),
        (
            {"problem_params": {"condition": 0.5}},
            "problem_params.condition",
            "problem_params.condition is 0.5; it must be at least 1.",
        ),
        (
            {"problem_params": {"condition": "x"}},
            "problem_params.condition",
            "problem_params.condition is 'x'; it must be a number or null.",
        ),
        (
            {"problem_params": {"shape": {"kind": "rond"}}},
            "problem_params.shape.kind",
            "problem_params.shape.kind is 'rond'; it must be one of 'round', 'narrow'. Did you mean 'round'?",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    http: InProcess, worker: str, changes: dict[str, Any], path: str, message: str
) -> None:
    answer = http.post(JOBS, json={"problem": "bowl"} | changes)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"path": path, "message": message}]
    assert http.get(JOBS).json()["items"] == []


def test_a_nan_among_the_parameters_is_refused(http: InProcess, worker: str) -> None:
    answer = http.post(JOBS, content="problem: bowl\noptimizer_params: {damping: .nan}", headers=YAML)
    assert answer.status_code == 422
    message = "optimizer_params.damping is nan; it must be finite."
    assert answer.json()["errors"] == [
        {"path": "optimizer_params.damping", "message": message, "position": 33}
    ]


def test_everything_that_is_wrong_is_said_at_once(http: InProcess, worker: str) -> None:
    answer = http.post(
        JOBS, json={"problem": "hill", "optimizer_params": {"damping": 0, "cg_max_iter": 0, "y": 1}}
    )
    paths = [fault["path"] for fault in answer.json()["errors"]]
    assert sorted(paths) == [
        "optimizer_params.cg_max_iter",
        "optimizer_params.damping",
        "optimizer_params.y",
        "problem",
    ]


def test_data_that_no_worker_has_are_asked_for(http: InProcess, worker: str) -> None:
    announced = announcement(problems=[images("birds")], name="images").model_dump(mode="json")
    http.post(WORKERS, json=announced).raise_for_status()
    told = http.post(JOBS, json={"problem": "images"}).json()["errors"]  # cats by default
    message = "problem_params.dataset is 'cats'; no worker has it yet, but birds. Put cats there."
    assert told == [{"path": "problem_params.dataset", "message": message}]
    assert (
        http.post(JOBS, json={"problem": "images", "problem_params": {"dataset": "birds"}}).status_code == 201
    )
    worse = http.post(JOBS, json={"problem": "images", "problem_params": {"dataset": "fish"}}).json()[
        "errors"
    ]
    assert [fault["path"] for fault in worse] == ["problem_params.dataset"]
    assert "must be one of" in worse[0]["message"]
    # Another worker brings them.
    announced = announcement(problems=[images("cats")], name="cats").model_dump(mode="json")
    http.post(WORKERS, json=announced).raise_for_status()
    assert http.post(JOBS, json={"problem": "images"}).status_code == 201


def test_without_any_worker_it_is_said_how_to_start_one(http: InProcess) -> None:
    answer = http.post(JOBS, json={"problem": "bowl"})
    assert answer.status_code == 422
    assert "No worker has announced any problem" in answer.json()["detail"]
    assert "hessianfree work" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        (
            "problem: bowl\n  x: [1",
            YAML,
            "This is not valid YAML at line 2, column 4: mapping values are not allowed",
        ),
        ("{\n  'a': 1}", JSON, "This is not valid JSON at line 2, column 3: "),
        ("", JSON, "This is not valid JSON at line 1, column 1: expecting value."),
        (b"\xff\xfe", YAML, "This is not valid YAML: it is not text in UTF-8."),
        (b'{"problem": "\xff"}', {}, "This is not valid JSON: it is not text in UTF-8."),
    ],
)
def test_broken_documents_are_400_with_the_place(
    http: InProcess, worker: str, body: str | bytes, headers: dict[str, str], message: str
) -> None:
    answer = http.post(JOBS, content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(message)


@pytest.mark.parametrize("body", ["[]", "3", '"bowl"', "null"])
def test_a_job_is_a_mapping(http: InProcess, worker: str, body: str) -> None:
    answer = http.post(JOBS, content=body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("A job is a mapping (problem: ..., optimizer: ...), not ")


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "objekt"}, "type: 'objekt' is not valid under any of the given schemas"),
        (
            {"$ref": "http://127.0.0.1:9/schema.json"},
            "the reference 'http://127.0.0.1:9/schema.json' leads nowhere",
        ),
        ({"properties": {"a": {"$ref": "#/$defs/A"}}}, "the reference '#/$defs/A' leads nowhere within it."),
    ],
)
def test_a_schema_that_is_none_is_refused_when_it_is_announced(
    http: InProcess, schema: dict[str, Any], message: str
) -> None:
    odd = announcement(problems=[problem("odd", schema)])
    answer = http.post("/api/v1/workers", content=odd.model_dump_json(), headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "problems.0.params_schema"
    assert f"The schema of 'odd' is no JSON Schema: {message}" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (
            {"resources": {"gpus": 1, "processes": 2}},
            "resources.gpus is 1; with resources.processes = 2 it must be 2",
        ),
        (
            {"device": "cuda:1", "resources": {"processes": 2}},
            "one GPU; with resources.processes = 2 it must be",
        ),
        ({"resources": {"processes": 2}}, None),  # on the CPU
        ({"resources": {"gpus": 2, "processes": 2}}, None),
        ({"resources": {"gpus": 2}}, None),
        ({"device": "cuda", "resources": {"processes": 2}}, None),
    ],
)
def test_processes_on_gpus_have_one_each(wanted: dict[str, Any], told: str | None) -> None:
    known = [problem("shared", divisible=True)], [optimizer("sharing", {}, divides=True)]
    data = {"problem": "shared", "optimizer": "sharing"} | wanted
    if told is None:
        check_job(data, *known)
        return
    with pytest.raises(InvalidRequest) as refused:
        check_job(data, *known)
    (fault,) = refused.value.faults
    assert told in fault.message
