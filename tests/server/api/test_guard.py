"""What pages of other sites cannot do, and what browsers are told."""

from collections.abc import Iterator
from typing import Any

import pytest

from hessianfree_lab.app import create_app
from hessianfree_lab.settings import Settings
from hessianfree_lab.store import Store
from server.api.in_process import InProcess, in_process

TOKEN = "correct horse"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
RUNS = "/api/v1/runs"
SCRIPT = {"json": {"name": "mine"}}


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory, shared_store: Store) -> Iterator[InProcess]:
    """A server with a token that other machines reach."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("lab"), host="0.0.0.0", token=TOKEN)
    with in_process(create_app(settings, shared_store)) as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Origin": "http://127.0.0.1"}, True),
        ({"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "http://127.0.0.1:9999"}, False),
        ({"Origin": "https://elsewhere.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://["}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
    ],
)
def test_pages_of_other_origins_cannot_write(http: InProcess, headers: dict[str, str], allowed: bool) -> None:
    answer = http.post(RUNS, headers=headers, **SCRIPT)
    assert answer.status_code == (201 if allowed else 403)
    assert len(http.get(RUNS).json()["items"]) == (1 if allowed else 0)
    assert http.get(RUNS, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1:8765", True),
        ("localhost:8765", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("[::1]:8765", True),
        ("127.0.0.2", True),
        ("rebound.example:8765", False),
        ("localhost.rebound.example", False),
        ("[", False),
        ("", False),
    ],
)
def test_on_loopback_the_server_answers_to_this_machines_names_only(
    http: InProcess, host: str, allowed: bool
) -> None:
    assert http.get(RUNS, headers={"Host": host}).status_code == (200 if allowed else 403)
    assert http.get("/static/main.js", headers={"Host": host}).status_code == (200 if allowed else 403)


def test_a_token_does_not_make_names_of_others_good_on_loopback(
    tmp_path_factory: pytest.TempPathFactory, shared_store: Store
) -> None:
    settings = Settings(data_dir=tmp_path_factory.mktemp("lab"), token=TOKEN)
    with in_process(create_app(settings, shared_store)) as http:
        assert http.get(RUNS, headers={"Host": "rebound.example"} | BEARER).status_code == 403


def test_beyond_loopback_any_name_will_do_since_there_is_a_token(exposed: InProcess) -> None:
    headers = {"Host": "lab.example"}
    assert exposed.get(RUNS, headers=headers | BEARER).status_code == 200
    assert exposed.get(RUNS, headers=headers).status_code == 401


@pytest.mark.parametrize("setting", ["lab.example, Lab.internal ", ("lab.example", "lab.internal")])
def test_a_setting_lists_the_names(
    tmp_path_factory: pytest.TempPathFactory, shared_store: Store, setting: Any
) -> None:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("lab"), host="0.0.0.0", token=TOKEN, allowed_hosts=setting
    )
    with in_process(create_app(settings, shared_store)) as http:
        answers = {
            host: http.get(RUNS, headers={"Host": host} | BEARER).status_code
            for host in ("lab.example:80", "lab.internal", "other.example", "localhost")
        }
    assert answers == {"lab.example:80": 200, "lab.internal": 200, "other.example": 403, "localhost": 200}


def test_the_setting_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HESSIANFREE_ALLOWED_HOSTS", "lab.example,other.example")
    assert Settings().answers_to == {"lab.example", "other.example"}


@pytest.mark.parametrize("path", ["/", "/healthz", "/static/main.js", "/nothing", RUNS])
def test_browsers_are_told_what_a_page_may_do(http: InProcess, shared_store: Store, path: str) -> None:
    headers: Any = http.get(path, headers={"Accept": "text/html"}).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert [name for name, value in policy.items() if "unsafe" in value] == ["style-src"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["hessianfree-server"] == shared_store.server_id
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-cache" if path.startswith("/static/") else "no-store")
