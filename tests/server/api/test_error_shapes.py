"""Every error has one shape: application/problem+json with a sentence in `detail`."""

from typing import Any

import pytest
from fastapi import FastAPI

from hessianfree_lab.app import create_app
from hessianfree_lab.settings import Settings
from hessianfree_lab.store import Store
from server.api.in_process import JSON, InProcess, in_process
from server.makers import finish, spec, spectrum, steps

API = "/api/v1"
RUN = "{run}"  # stands for the id of a completed run


@pytest.fixture
def ended(http: InProcess, worker: str, store: Store) -> str:
    run, _ = store.add_job(spec())
    store.claim_job(worker)
    store.finish(run.id, finish())
    return run.id


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "more"),
    [
        ("GET", f"{API}/nothing", {}, 404, {}),
        ("GET", "/nothing", {}, 404, {}),
        ("PUT", f"{API}/jobs", {}, 405, {}),
        ("GET", f"{API}/runs/nothing", {}, 404, {}),
        ("GET", f"{API}/runs/nothing/metrics", {}, 404, {}),
        ("GET", f"{API}/runs/nothing/metrics.csv", {}, 404, {}),
        ("GET", f"{API}/runs/nothing/metrics.jsonl", {}, 404, {}),
        ("GET", f"{API}/runs/nothing/metrics.parquet", {}, 404, {}),
        ("GET", f"{API}/runs/nothing/logs", {}, 404, {}),
        ("GET", f"{API}/runs/{RUN}/landscape", {}, 404, {}),
        ("GET", f"{API}/runs/{RUN}/steps/1/cg", {}, 404, {}),
        ("GET", f"{API}/runs/{RUN}/steps/1/spectrum", {}, 404, {}),
        ("GET", f"{API}/runs/nothing/spectra", {}, 404, {}),
        ("DELETE", f"{API}/runs/nothing", {}, 404, {}),
        ("PATCH", f"{API}/runs/nothing", {"json": {}}, 404, {}),
        ("POST", f"{API}/jobs/nothing/cancel", {}, 404, {}),
        ("POST", f"{API}/workers/nobody/claim", {"json": {}}, 404, {}),
        ("POST", f"{API}/workers/nobody/heartbeat", {"json": {}}, 404, {}),
        ("DELETE", f"{API}/workers/nobody", {}, 404, {}),
        ("POST", f"{API}/jobs/{RUN}/cancel", {}, 409, {"state": "completed"}),
        ("PATCH", f"{API}/jobs/{RUN}", {"json": {"priority": 1}}, 409, {"state": "completed"}),
        (
            "POST",
            f"{API}/runs/{RUN}/records",
            {"content": steps(1, 1).model_dump_json()},
            409,
            {"state": "completed"},
        ),
        ("POST", f"{API}/runs/{RUN}/finish", {"json": {"state": "completed"}}, 409, {"state": "completed"}),
        ("POST", f"{API}/jobs", {"content": "{"}, 400, {}),
        ("POST", f"{API}/runs", {"content": '{"a": ', "headers": JSON}, 400, {}),
        ("POST", f"{API}/runs/{RUN}/records", {"content": "[1,"}, 400, {}),
        ("POST", f"{API}/jobs", {"json": {}}, 422, {"errors": ["problem"]}),
        ("POST", f"{API}/runs", {"json": {"nam": "x"}}, 422, {"errors": ["name", "nam"]}),
        ("POST", f"{API}/runs", {"json": [1]}, 422, {"errors": [""]}),
        ("POST", f"{API}/runs", {}, 422, {"errors": [""]}),
        (
            "POST",
            f"{API}/runs/{RUN}/records",
            {"json": {"spectra": [spectrum(1).model_dump() | {"weights": [1.0]}]}},
            422,
            {"errors": ["spectra.0"]},
        ),
        (
            "POST",
            f"{API}/jobs",
            {"json": {"problem": "bowl", "record": {"spectrum": 0, "spectra": 1}}},
            422,
            {"errors": ["record.spectrum", "record.spectra"]},
        ),
        (
            "POST",
            f"{API}/runs/{RUN}/records",
            {"json": {"steps": [{"step": 0}]}},
            422,
            {"errors": ["steps.0.step"]},
        ),
        ("POST", f"{API}/runs/{RUN}/records", {"json": {"stepz": []}}, 422, {"errors": ["stepz"]}),
        ("POST", f"{API}/runs/{RUN}/finish", {"json": {"state": "done"}}, 422, {"errors": ["state"]}),
        ("PATCH", f"{API}/runs/{RUN}", {"json": {"name": ""}}, 422, {"errors": ["name"]}),
        ("GET", f"{API}/runs?limit=201", {}, 422, {"errors": ["limit"]}),
        ("GET", f"{API}/runs?state=done", {}, 422, {"errors": ["state"]}),
        ("GET", f"{API}/runs?sort=a%20b", {}, 422, {"errors": ["sort"]}),
        ("GET", f"{API}/runs?sort=tag", {}, 422, {"errors": ["sort"]}),
        ("GET", f"{API}/runs?filter=loss.min%20%3C", {}, 422, {"errors": ["filter"]}),
        ("GET", f"{API}/runs/groups?by=a%20b", {}, 422, {"errors": ["by"]}),
        ("GET", f"{API}/runs/groups?by=name&metrics=name", {}, 422, {"errors": ["metrics"]}),
        ("GET", f"{API}/runs/groups?by=name&sort=state", {}, 422, {"errors": ["sort"]}),
        ("GET", f"{API}/runs/table.csv?columns=a%20b", {}, 422, {"errors": ["columns"]}),
        (
            "GET",
            f"{API}/runs/sparklines?runs={','.join(map(str, range(101)))}",
            {},
            422,
            {"errors": ["runs"]},
        ),
        ("POST", f"{API}/runs/actions", {"json": {"action": "delete"}}, 422, {"errors": [""]}),
        ("POST", f"{API}/runs/actions", {"json": {"action": "tag", "runs": ["x"]}}, 422, {"errors": [""]}),
        ("POST", f"{API}/views", {"json": {"name": "", "query": ""}}, 422, {"errors": ["name"]}),
        ("DELETE", f"{API}/views/none", {}, 404, {}),
        ("GET", f"{API}/runs?cursor=x", {}, 422, {"errors": ["cursor"]}),
        ("GET", f"{API}/runs/{RUN}/metrics?x=age", {}, 422, {"errors": ["x"]}),
        ("GET", f"{API}/runs/{RUN}/metrics?max_points=1", {}, 422, {"errors": ["max_points"]}),
        ("GET", f"{API}/runs/{RUN}/steps/one/cg", {}, 422, {"errors": ["step"]}),
        ("GET", f"{API}/events?after=-1", {}, 422, {"errors": ["after"]}),
        ("POST", f"{API}/workers/x/claim", {"json": {"wait_seconds": 31}}, 422, {"errors": ["wait_seconds"]}),
        ("POST", f"{API}/jobs", {"content": b" " * (1024 * 1024 + 1)}, 413, {}),
        ("POST", f"{API}/runs/{RUN}/records", {"content": b" " * (1024 * 1024 + 1)}, 413, {}),
    ],
)
def test_errors_are_problems(
    http: InProcess,
    ended: str,
    method: str,
    path: str,
    options: dict[str, Any],
    status: int,
    more: dict[str, Any],
) -> None:
    answer = http.request(method, path.replace(RUN, ended), **options)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert problem["title"]
    _is_a_sentence(problem["detail"])
    faults = problem.pop("errors", [])
    assert [fault["path"] for fault in faults] == more.get("errors", [])
    for fault in faults:
        _is_a_sentence(fault["message"])
    assert problem.get("state") == more.get("state")
    place = {"line", "column"} if status == 400 else set()
    assert set(problem) <= {"type", "title", "status", "detail", "state"} | place


def test_a_fault_of_the_server_is_said_without_its_traceback(settings: Settings, store: Store) -> None:
    app = create_app(settings, store)
    _break(app)
    with in_process(app) as http:
        answer = http.get("/broken")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Something went wrong in the server" in answer.json()["detail"]
    assert "secret" not in answer.text


def test_a_body_that_does_not_say_how_long_it_is_is_limited_too(http: InProcess, ended: str) -> None:
    async def body() -> Any:
        for _ in range(20):
            yield b" " * 100_000

    answer = http.post(f"{API}/jobs", content=body())
    assert answer.status_code == 413
    assert answer.json()["detail"] == "The body is too large: at most 1048576 bytes are allowed."


def test_a_browser_is_shown_a_page(http: InProcess) -> None:
    answer = http.get("/runs/nothing", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "nothing" in answer.text


def _break(app: FastAPI) -> None:
    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("secret")


def _is_a_sentence(text: str) -> None:
    assert text
    assert text[-1] in ".?"
    assert "Traceback" not in text
