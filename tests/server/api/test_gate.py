"""Everything is closed that is not open: every route of the application, for every kind of caller."""

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from hessianfree_lab.records.tokens import NewToken
from server.api.lab import SECRET, Lab, bearer, lab
from server.makers import announcement, finish, spec, steps

API = "/api/v1"
OPEN = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/login"), ("POST", "/login")}
WORKERS_ROAD = {
    ("POST", f"{API}/workers"),
    ("POST", f"{API}/workers/{{worker_id}}/claim"),
    ("PUT", f"{API}/workers/{{worker_id}}/capacity"),
    ("POST", f"{API}/workers/{{worker_id}}/heartbeat"),
    ("POST", f"{API}/workers/{{worker_id}}/runs"),
    ("DELETE", f"{API}/workers/{{worker_id}}"),
    ("POST", f"{API}/runs/{{run_id}}/records"),
    ("POST", f"{API}/runs/{{run_id}}/finish"),
    ("POST", "/logout"),
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab")) as made:
        yield made


@pytest.fixture(scope="module")
def reader(guarded: Lab) -> NewToken:
    return guarded.token("read")


@pytest.fixture(scope="module")
def writer(guarded: Lab) -> NewToken:
    return guarded.token("write")


@pytest.fixture(scope="module")
def worker(guarded: Lab) -> NewToken:
    return guarded.token("worker")


def endpoints(guarded: Lab) -> list[tuple[str, str]]:
    """Every method and path that the application routes; of a mount, a path below it with every method."""
    found: set[tuple[str, str]] = set()
    for route in guarded.app.routes:
        if isinstance(route, Mount):
            found |= {(method, f"{route.path}/{{path}}") for method in METHODS}
    for context in iter_route_contexts(guarded.app.routes):
        path = re.sub(r":\w+\}", "}", str(context.path))
        found |= {(method, path) for method in context.methods or METHODS}
    found = {(method, path) for method, path in found if method != "HEAD"}
    assert len(found) > 40, "the walk does not find the routes"
    return sorted(found)


def is_open(endpoint: tuple[str, str]) -> bool:
    method, path = endpoint
    return endpoint in OPEN or (method == "GET" and path.startswith("/static/"))


def ask(guarded: Lab, method: str, path: str, secret: str | None = None) -> httpx.Response:
    address = re.sub(r"\{\w+\}", "x", path)
    return guarded.http.request(method, address, headers=bearer(secret) if secret else {})


def test_a_stranger_is_answered_nothing(guarded: Lab) -> None:
    found = {(method, path): ask(guarded, method, path) for method, path in endpoints(guarded)}
    assert found.keys() >= OPEN
    for endpoint, answer in found.items():
        if is_open(endpoint):
            assert answer.status_code != 401, endpoint
            continue
        assert answer.status_code == 401, endpoint
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
        assert "token" in answer.json()["detail"]


def test_a_reader_changes_nothing(guarded: Lab, reader: NewToken) -> None:
    for method, path in endpoints(guarded):
        if path == f"{API}/events":
            continue  # an answer without an end
        status = ask(guarded, method, path, reader.secret).status_code
        is_allowed = method == "GET" or path == "/logout" or is_open((method, path))
        if is_allowed and not path.startswith(f"{API}/tokens"):
            assert status not in (401, 403), (method, path)
        else:
            assert status == 403, (method, path)


def test_a_writer_may_do_everything_but_make_tokens(guarded: Lab, writer: NewToken) -> None:
    for method, path in endpoints(guarded):
        if path in (f"{API}/events", "/logout"):
            continue
        status = ask(guarded, method, path, writer.secret).status_code
        assert (status == 403) == path.startswith(f"{API}/tokens"), (method, path)


def test_a_worker_has_its_own_road_only(guarded: Lab, worker: NewToken) -> None:
    for method, path in endpoints(guarded):
        status = ask(guarded, method, path, worker.secret).status_code
        if (method, path) in WORKERS_ROAD or is_open((method, path)) or "/artifacts" in path:
            assert status not in (401, 403), (method, path)
        else:
            assert status == 403, (method, path)


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("GET", "/nothing", {}),
        ("GET", f"{API}/nothing", {}),
        ("PUT", f"{API}/jobs", {}),
        ("POST", "/static/main.js", {}),
        ("POST", f"{API}/runs", {"content": b"{", "headers": {"Content-Type": "application/json"}}),
        ("POST", f"{API}/jobs", {"content": b" " * 2_000_000}),
        ("TRACE", "/", {}),
        ("GET", f"{API}/runs", {"headers": {"Host": "127.0.0.1/static/"}}),
        ("GET", f"{API}/runs", {"headers": {"Host": "127.0.0.1/healthz?"}}),
        ("GET", "/static/../api/v1/runs", {}),
        ("GET", "//api/v1/runs", {}),
        ("GET", f"{API}/runs/", {}),
        ("GET", "/healthz/", {}),
        ("GET", "/healthz%0a", {}),
    ],
)
def test_a_stranger_gets_no_way_round(
    guarded: Lab, method: str, path: str, options: dict[str, object]
) -> None:
    answer = guarded.http.request(method, path, **options)
    assert answer.status_code in (401, 403)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer hfl_wrong"},
        {"Authorization": f"Basic {SECRET}"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer é"},
        {"Authorization": "Bearer hfl_\x00"},
        {"Cookie": f"hessianfree_session={SECRET}"},
        {"Cookie": "hessianfree_session="},
    ],
)
def test_what_is_no_token_opens_nothing(guarded: Lab, headers: dict[str, str]) -> None:
    sent = {name: value.encode() for name, value in headers.items()}
    assert guarded.http.get(f"{API}/runs", headers=sent).status_code == 401


def test_the_settings_token_may_do_everything(guarded: Lab) -> None:
    assert guarded.http.get(f"{API}/tokens", headers=bearer(SECRET)).status_code == 200
    made = guarded.http.post(f"{API}/runs", headers=bearer(SECRET), json={"name": "mine"})
    assert made.status_code == 201


def test_a_worker_of_another_token_cannot_be_used(guarded: Lab, worker: NewToken) -> None:
    other = guarded.token("worker", "other")
    mine = register(guarded, worker)
    for path in (f"{mine}/claim", f"{mine}/heartbeat"):
        assert guarded.http.post(path, headers=bearer(other.secret), json={}).status_code == 403
        assert guarded.http.post(path, headers=bearer(worker.secret), json={}).status_code in (200, 204)
    capacity = {"slots": 2, "devices": []}
    for token, status in ((other, 403), (worker, 204)):
        answer = guarded.http.request("PUT", f"{mine}/capacity", headers=bearer(token.secret), json=capacity)
        assert answer.status_code == status
    assert guarded.http.delete(mine, headers=bearer(other.secret)).status_code == 403
    assert guarded.http.delete(mine, headers=bearer(worker.secret)).status_code == 204
    assert guarded.http.post(f"{mine}/claim", headers=bearer(worker.secret), json={}).status_code == 404


def test_a_worker_writes_only_runs_that_it_holds(guarded: Lab, worker: NewToken) -> None:
    queued, _ = guarded.store.add_job(spec())
    script = guarded.http.post(f"{API}/runs", headers=bearer(SECRET), json={"name": "mine"}).json()["id"]
    mine = register(guarded, worker)
    for run in (queued.id, script):
        assert write(guarded, run, worker).status_code == 403
    claimed = guarded.http.post(f"{mine}/claim", headers=bearer(worker.secret), json={}).json()["run"]
    assert claimed == queued.id
    other = guarded.token("worker", "another")
    assert write(guarded, claimed, other).status_code == 403
    assert write(guarded, claimed, worker).status_code == 200
    assert write(guarded, "nothing", worker).status_code == 404


def test_a_worker_that_lost_its_run_is_fenced_not_forbidden(guarded: Lab, worker: NewToken) -> None:
    run, _ = guarded.store.add_job(spec(priority=1))
    first, other = register(guarded, worker), guarded.token("worker", "successor")
    guarded.http.post(f"{first}/claim", headers=bearer(worker.secret), json={})
    guarded.store.finish(run.id, finish("interrupted"))
    assert write(guarded, run.id, worker).status_code == 409
    second = register(guarded, other)
    guarded.http.post(f"{second}/claim", headers=bearer(other.secret), json={})
    # Not even under the number of the attempt that is the other's.
    for attempt in (1, 2):
        answer = write(guarded, run.id, worker, attempt)
        assert (answer.status_code, answer.json()["state"]) == (409, "running")
    assert write(guarded, run.id, other, 2).status_code == 200


def register(guarded: Lab, token: NewToken) -> str:
    """A worker's address."""
    answer = guarded.http.post(
        f"{API}/workers",
        content=announcement().model_dump_json(),
        headers=bearer(token.secret) | {"Content-Type": "application/json"},
    )
    return f"{API}/workers/{answer.json()['id']}"


def write(guarded: Lab, run: str, token: NewToken, attempt: int = 1) -> httpx.Response:
    return guarded.http.post(
        f"{API}/runs/{run}/records",
        content=steps(1, 1, attempt).model_dump_json(),
        headers=bearer(token.secret),
    )
