"""Who may come in."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import Response

from hessianfree_lab.api.auth import COOKIE, session_value, set_session
from hessianfree_lab.app import create_app
from hessianfree_lab.settings import Settings
from hessianfree_lab.store import Store
from server.api.in_process import InProcess, in_process

TOKEN = "correct horse"
RUNS = "/api/v1/runs"
SCRIPT = {"json": {"name": "mine"}}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, shared_store: Store) -> Iterator[InProcess]:
    with in_process(
        create_app(Settings(data_dir=tmp_path_factory.mktemp("lab"), token=TOKEN), shared_store)
    ) as client:
        yield client


@pytest.mark.parametrize("path", [RUNS, "/api/v1/events", "/api/v1/openapi.json", "/metrics", "/nothing"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer é"},
        {"Cookie": f"{COOKIE}={TOKEN}"},
        {"Cookie": f"{COOKIE}={session_value('other')}"},
    ],
)
def test_without_the_token_nothing_is_answered(
    guarded: InProcess, path: str, headers: dict[str, str]
) -> None:
    answer = guarded.get(path, headers={name: value.encode() for name, value in headers.items()})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert "token" in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers", [{"Authorization": f"Bearer {TOKEN}"}, {"Cookie": f"{COOKIE}={session_value(TOKEN)}"}]
)
def test_token_and_session_open_the_door(guarded: InProcess, headers: dict[str, str]) -> None:
    assert guarded.get(RUNS, headers=headers).status_code == 200
    assert guarded.post(RUNS, headers=headers, **SCRIPT).status_code == 201


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/login", "/static/main.js"])
def test_what_needs_no_token(guarded: InProcess, path: str) -> None:
    assert guarded.get(path, headers={"Accept": "text/html"}).status_code == 200


def test_a_browser_is_sent_to_sign_in(guarded: InProcess) -> None:
    answer = guarded.get("/compare?runs=a,b", headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fcompare%3Fruns%3Da%2Cb"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites() -> None:
    response = Response()
    set_session(response, TOKEN, is_https=True)
    cookie = response.headers["set-cookie"]
    assert f"{COOKIE}={session_value(TOKEN)}" in cookie
    for word in ("HttpOnly", "SameSite=strict", "Secure", "Path=/"):
        assert word in cookie
    assert TOKEN not in cookie


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Origin": "http://127.0.0.1"}, True),
        ({"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "http://127.0.0.1:9999"}, False),
        ({"Origin": "https://elsewhere.example"}, False),
        ({"Origin": "null"}, False),
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
        ("[::1]:8765", True),
        ("127.0.0.2", True),
        ("rebound.example:8765", False),
        ("[", False),
    ],
)
def test_without_a_token_the_server_answers_to_this_machines_names_only(
    http: InProcess, host: str, allowed: bool
) -> None:
    assert http.get(RUNS, headers={"Host": host}).status_code == (200 if allowed else 403)


def test_with_a_token_it_answers_to_any_name(guarded: InProcess) -> None:
    headers = {"Host": "lab.example", "Authorization": f"Bearer {TOKEN}"}
    assert guarded.get(RUNS, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/static/main.js", "/nothing"])
def test_browsers_are_told_what_a_page_may_do(http: InProcess, path: str) -> None:
    headers: Any = http.get(path, headers={"Accept": "text/html"}).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert headers["x-content-type-options"] == "nosniff"
