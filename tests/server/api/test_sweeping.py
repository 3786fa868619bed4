"""Sweeps over HTTP: what is accepted, what is said when it is not, and what becomes of them."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from hessianfree_lab.store import Store
from server.api.in_process import JSON, InProcess
from server.makers import finish, steps

SWEEPS = "/api/v1/sweeps"
DAMPING = "optimizer_params.damping"
BASE = {"problem": "bowl"}


def body(space: Any = None, method: str = "grid", **changes: Any) -> dict[str, Any]:
    search = {"method": method, "space": {DAMPING: [0.1, 1.0, 10.0]} if space is None else space}
    return {"base": BASE, "search": search | changes.pop("search", {})} | changes


def begin(http: InProcess, **sweep: Any) -> dict[str, Any]:
    answer = http.post(SWEEPS, json=body(**sweep))
    assert answer.status_code == 201, answer.text
    return answer.json()


def wait(
    http: InProcess, sweep: dict[str, Any], condition: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """The sweep, once the condition holds."""
    deadline = time.monotonic() + 20
    while not condition(known := http.get(f"{SWEEPS}/{sweep['id']}").json()):
        assert time.monotonic() < deadline, known
        time.sleep(0.02)
    return known


def train(http: InProcess, store: Store, worker: str, *last: int) -> None:
    """Finish one queued job for each number, which is how many steps its loss falls over."""
    for number in last:
        assignment = store.claim_job(worker)
        assert assignment is not None
        store.append(assignment.run, steps(1, number))
        store.finish(assignment.run, finish())


def test_a_sweep_is_begun_and_its_trials_are_queued(http: InProcess, worker: str) -> None:
    answer = http.post(SWEEPS, json=body(name="mine", seeds=[1, 2]))
    assert answer.status_code == 201
    sweep = answer.json()
    assert answer.headers["location"] == f"{SWEEPS}/{sweep['id']}"
    assert (sweep["name"], sweep["state"], sweep["total"]) == ("mine", "running", 3)
    wait(http, sweep, lambda known: known["trials"]["queued"] == 3)
    queued = http.get("/api/v1/jobs").json()["items"]
    assert [run["name"] for run in queued[:3]] == ["mine #0 seed 1", "mine #0 seed 2", "mine #1 seed 1"]
    assert {run["sweep"] for run in queued} == {sweep["id"]}
    assert [run["spec"]["optimizer_params"] for run in queued[::2]] == [
        {"damping": damping, "cg_max_iter": 250} for damping in (0.1, 1.0, 10.0)
    ]


def test_the_base_is_shown_without_what_is_searched(http: InProcess, worker: str) -> None:
    spec = begin(http, space={DAMPING: [1.0], "budget.steps": {"low": 1, "high": 2}})["spec"]
    assert spec["base"]["optimizer_params"] == {"cg_max_iter": 250}
    assert spec["base"]["problem_params"]["dimension"] == 2


def test_yaml_means_the_same(http: InProcess, worker: str) -> None:
    text = f"""
base: {{problem: bowl}}
search:
  method: random
  trials: 2
  space:
    {DAMPING}: {{low: 1e-3, high: 10, log: true}}
    optimizer_params.cg_max_iter: [5, 10]
"""
    answer = http.post(SWEEPS, content=text, headers={"Content-Type": "application/yaml"})
    assert answer.status_code == 201, answer.text
    wait(http, answer.json(), lambda known: known["trials"]["queued"] == 2)


def test_ranges_take_the_kind_of_their_parameter(http: InProcess, worker: str) -> None:
    space = {DAMPING: {"low": 1, "high": 9}, "optimizer_params.cg_max_iter": {"low": 2.0, "high": 4}}
    sweep = begin(http, space=space, method="random", search={"trials": 8})
    wait(http, sweep, lambda known: known["trials"]["queued"] == 8)
    tried = [trial["params"] for trial in http.get(f"{SWEEPS}/{sweep['id']}/trials").json()["items"]]
    assert all(isinstance(params["optimizer_params.cg_max_iter"], int) for params in tried)
    assert any(params[DAMPING] != int(params[DAMPING]) for params in tried)


@pytest.mark.parametrize(
    ("sweep", "path", "message"),
    [
        (
            {"base": {"problem": "bolw"}},
            "base.problem",
            "No worker knows the problem 'bolw'. Did you mean 'bowl'?",
        ),
        ({"base": {}}, "base.problem", "base.problem is missing."),
        ({"objective": {"metrik": "loss"}}, "objective.metrik", "Did you mean 'metric'?"),
        ({"space": {}}, "search.space", "search.space"),
        (
            {"space": {"optimizer_params.dampng": [1.0]}},
            "search.space.optimizer_params.dampng.choices.0",
            "optimizer_params.dampng is not a known key. Did you mean 'damping'?",
        ),
        (
            {"space": {DAMPING: [1.0, -1.0]}},
            f"search.space.{DAMPING}.choices.1",
            f"{DAMPING} is -1.0; it must be above 0.",
        ),
        (
            {"space": {DAMPING: {"low": 0, "high": 1, "step": 0.5}}},
            f"search.space.{DAMPING}.low",
            f"{DAMPING} is 0; it must be above 0.",
        ),
        (
            {"space": {"budget.steps": {"low": 1, "high": 20_000_000}}},
            "search.space.budget.steps.high",
            "budget.steps is 20000000; it must be at most 10000000.",
        ),
        (
            {"space": {"optimizer_params.cg_max_iter": {"low": 1, "high": 3, "step": 0.5}}},
            "search.space.optimizer_params.cg_max_iter.step",
            "step is 0.5; optimizer_params.cg_max_iter is a whole number.",
        ),
        (
            {"space": {"problem_params.shape.kind": ["round", "square"]}},
            "search.space.problem_params.shape.kind.choices.1",
            "problem_params.shape.kind is 'square'; it must be one of 'round', 'narrow'.",
        ),
        (
            {"space": {DAMPING: {"low": 2, "high": 1}}},
            f"search.space.{DAMPING}",
            "low is 2; it must be below high",
        ),
        ({"space": {DAMPING: {"low": 1}}}, f"search.space.{DAMPING}", "it needs low and high, or choices"),
        ({"space": {DAMPING: [1, 1.0]}}, f"search.space.{DAMPING}", "each choice may stand there once"),
        (
            {"space": {DAMPING: {"low": 0.1, "high": 1.0}}},
            f"search.space.{DAMPING}",
            "has no end of values: a grid needs a step, or choices.",
        ),
        ({"method": "tpe"}, "search.trials", "search.trials is missing: tpe does not end by itself."),
        ({"space": {"seed": [1, 2]}}, "search.space.seed", "give seeds, a list, beside search."),
        ({"space": {"tags": ["a"]}}, "search.space.tags", "'tags' is no setting that can be searched"),
        (
            {"space": {"problem_params.shape": [1], "problem_params.shape.kind": ["round"]}},
            "search.space.problem_params.shape",
            "cannot be searched together with problem_params.shape.kind",
        ),
        ({"seeds": [1, 1]}, "seeds", "seeds has one of them twice."),
        (
            {"space": {"budget.steps.x": [1, 2]}},
            "search.space.budget.steps.x.choices.0",
            "budget.steps.x leads through steps, which is 100 and has no parts.",
        ),
        (  # counted, not made: a list of them would not fit into memory
            {"space": {DAMPING: {"low": 1.0, "high": 1e12, "step": 1e-3}}},
            "search",
            "This sweep would have 999,999,999,999,001 runs",
        ),
        (
            {"space": {DAMPING: {"low": 1, "high": 10**400}}},
            f"search.space.{DAMPING}",
            "high is beyond 1e+300, and so of no use to a sampler",
        ),
        (
            {
                "space": {DAMPING: {"low": -1.7e308, "high": 1.7e308}},
                "method": "tpe",
                "search": {"trials": 5},
            },
            f"search.space.{DAMPING}",
            "low is beyond 1e+300",
        ),
        ({"space": {DAMPING: [1, 10**400]}}, f"search.space.{DAMPING}", "choices must be finite"),
        (
            {"method": "random", "search": {"trials": 5001}, "seeds": [1, 2]},
            "search",
            "This sweep would have 10,002 runs (5,001 trials, 2 seeds); at most 10,000 are allowed.",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_path(
    http: InProcess, worker: str, sweep: dict[str, Any], path: str, message: str
) -> None:
    answer = http.post(SWEEPS, json=body(**sweep))
    assert answer.status_code == 422
    (fault, *_) = answer.json()["errors"]
    assert fault["path"] == path
    assert message in fault["message"]
    assert http.get(SWEEPS).json()["items"] == []


def test_every_fault_of_the_space_is_said_at_once(http: InProcess, worker: str) -> None:
    space = {DAMPING: [1.0, -1.0, -2.0], "problem_params.dimension": {"low": 1, "high": 2000}}
    errors = http.post(SWEEPS, json=body(space=space)).json()["errors"]
    places = [f"{DAMPING}.choices.1", f"{DAMPING}.choices.2", "problem_params.dimension.high"]
    assert [error["path"].removeprefix("search.space.") for error in errors] == places


def test_the_same_key_makes_one_sweep(http: InProcess, worker: str) -> None:
    first, again = (http.post(SWEEPS, json=body(), headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert len(http.get(SWEEPS).json()["items"]) == 1


def test_an_estimator_is_asked_again_as_trials_end(http: InProcess, store: Store, worker: str) -> None:
    space = {DAMPING: {"low": 0.1, "high": 10, "log": True}}
    sweep = begin(http, space=space, method="tpe", parallel=2, search={"trials": 3})
    wait(http, sweep, lambda known: known["trials"]["queued"] == 2)
    train(http, store, worker, 4, 2)
    wait(http, sweep, lambda known: known["trials"]["queued"] == 1)
    train(http, store, worker, 8)
    ended = wait(http, sweep, lambda known: known["state"] == "completed")
    assert ended["best"]["number"] == 2
    assert ended["best"]["value"] == pytest.approx(1 / 8)
    assert ended["best"]["params"].keys() == {DAMPING}


def test_trials_come_in_any_order_page_by_page(http: InProcess, store: Store, worker: str) -> None:
    sweep = begin(http, space={DAMPING: [0.1, 1.0, 10.0, 100.0]})
    wait(http, sweep, lambda known: known["trials"]["queued"] == 4)
    train(http, store, worker, 2, 8, 4)

    def numbers(sort: str) -> list[int]:
        found: list[int] = []
        cursor = ""
        while True:
            page = http.get(f"{SWEEPS}/{sweep['id']}/trials?sort={sort}&limit=3{cursor}").json()
            found += [trial["number"] for trial in page["items"]]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    assert numbers("number") == [0, 1, 2, 3]
    assert numbers("value") == [1, 2, 0, 3]
    assert numbers("-value") == [0, 2, 1, 3]
    assert numbers(f"-{DAMPING}") == [3, 2, 1, 0]
    assert numbers("state") == [3, 0, 1, 2]
    answer = http.get(f"{SWEEPS}/{sweep['id']}/trials?sort=colour")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "sort"


def test_a_sweep_is_cancelled_and_then_forgotten(http: InProcess, worker: str) -> None:
    sweep = begin(http)
    wait(http, sweep, lambda known: known["trials"]["queued"] == 3)
    run = http.get("/api/v1/jobs").json()["items"][0]["id"]
    path = f"{SWEEPS}/{sweep['id']}"
    refused = http.delete(path)
    assert (refused.status_code, refused.json()["state"]) == (409, "running")
    assert http.post(f"{path}/cancel").json()["state"] == "cancelled"
    assert http.get("/api/v1/jobs").json()["items"] == []
    again = http.post(f"{path}/cancel")
    assert (again.status_code, again.json()["state"]) == (409, "cancelled")
    assert http.delete(path).status_code == 204
    assert http.get(path).status_code == 404
    assert http.get(f"/api/v1/runs/{run}").json()["sweep"] is None


def test_sweeps_are_listed_the_newest_first(http: InProcess, worker: str) -> None:
    ids = [begin(http)["id"] for _ in range(3)]
    page = http.get(f"{SWEEPS}?limit=2").json()
    assert [item["id"] for item in page["items"]] == [ids[2], ids[1]]
    rest = http.get(f"{SWEEPS}?limit=2&cursor={page['next_cursor']}").json()
    assert [item["id"] for item in rest["items"]] == [ids[0]]


@pytest.mark.parametrize("path", ["", "/trials", "/cancel"])
def test_a_sweep_that_is_not_there_is_said_in_a_sentence(http: InProcess, path: str) -> None:
    ask = http.post if path == "/cancel" else http.get
    answer = ask(f"{SWEEPS}/nowhere{path}")
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no sweep 'nowhere'.")


def test_without_a_worker_it_is_said_what_to_do(http: InProcess) -> None:
    answer = http.post(SWEEPS, json=body(), headers=JSON)
    assert answer.status_code == 422
    assert "hessianfree work" in answer.json()["detail"]
