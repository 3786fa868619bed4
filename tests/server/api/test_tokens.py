"""Tokens are made, shown once, and end at once; so do the sessions that they began."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import Response
from sqlalchemy import create_engine, text

from hessianfree_lab.api.auth import COOKIE, set_session
from hessianfree_lab.records.tokens import TokenRequest
from hessianfree_lab.store import SqlStore
from server.api.lab import SECRET, Lab, bearer, lab
from server.databases import database
from server.makers import announcement, spec

API = "/api/v1"
RUNS = f"{API}/runs"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab")) as made:
        yield made


def sign_in(guarded: Lab, secret: str) -> str | None:
    """The session's cookie."""
    answer = guarded.http.post("/login", data={"token": secret, "next": "/workers"})
    guarded.http.forget_cookies()
    if answer.status_code != 303:
        return None
    assert answer.headers["location"] == "/workers"
    return str(answer.cookies[COOKIE])


def with_cookie(cookie: str | None) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={cookie}"}


def test_a_token_is_shown_once(guarded: Lab) -> None:
    made = guarded.http.post(f"{API}/tokens", headers=bearer(SECRET), json={"name": "laptop", "role": "read"})
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert secret.startswith("hfl_")
    assert len(secret) >= 47  # 256 bits
    assert guarded.http.get(RUNS, headers=bearer(secret)).status_code == 200
    listed = guarded.http.get(f"{API}/tokens", headers=bearer(SECRET))
    assert [item["role"] for item in listed.json()["items"] if item["name"] == "laptop"] == ["read"]
    assert listed.json()["items"][0]["used_at"] is not None
    assert secret not in listed.text
    assert secret[4:] not in listed.text


def test_neither_tokens_nor_sessions_stand_in_the_database(tmp_path: Path) -> None:
    with lab(tmp_path) as guarded:
        token = guarded.token("write")
        cookies = [sign_in(guarded, token.secret), sign_in(guarded, SECRET)]
    engine = create_engine(f"sqlite:///{tmp_path}/hessianfree.sqlite")
    with engine.connect() as connection:
        stored = str([connection.execute(text(f"SELECT * FROM {t}")).all() for t in ("tokens", "sessions")])
    engine.dispose()
    assert "write" in stored
    for secret in (token.secret, SECRET, *cookies):
        assert secret is not None
        assert secret not in stored


def test_a_revoked_token_ends_with_the_next_request_and_with_it_its_sessions(guarded: Lab) -> None:
    token = guarded.token("write", "to be revoked")
    cookie = sign_in(guarded, token.secret)
    for headers in (bearer(token.secret), with_cookie(cookie)):
        assert guarded.http.get(RUNS, headers=headers).status_code == 200
    revoked = guarded.http.delete(f"{API}/tokens/{token.id}", headers=bearer(SECRET))
    assert revoked.json()["revoked_at"] is not None
    for headers in (bearer(token.secret), with_cookie(cookie)):
        assert guarded.http.get(RUNS, headers=headers).status_code == 401
    assert guarded.http.delete(f"{API}/tokens/{token.id}", headers=bearer(SECRET)).json() == revoked.json()
    assert guarded.http.delete(f"{API}/tokens/nothing", headers=bearer(SECRET)).status_code == 404


def test_two_valid_tokens_do_not_share_a_name(guarded: Lab) -> None:
    request = {"headers": bearer(SECRET), "json": {"name": "twice", "role": "read"}}
    first = guarded.http.post(f"{API}/tokens", **request)
    again = guarded.http.post(f"{API}/tokens", **request)
    assert [first.status_code, again.status_code] == [201, 422]
    assert again.json()["errors"][0]["path"] == "name"
    guarded.http.delete(f"{API}/tokens/{first.json()['id']}", headers=bearer(SECRET))
    assert guarded.http.post(f"{API}/tokens", **request).status_code == 201


def test_tokens_and_sessions_expire(tmp_path: Path) -> None:
    now = [datetime(2026, 3, 1, tzinfo=UTC)]
    with database(f"sqlite:///{tmp_path}/lab.sqlite") as engine:
        access = SqlStore(engine, lease_seconds=20, clock=lambda: now[0]).access
        token = access.create(TokenRequest(name="guest", role="read", expires_seconds=3600))
        access.add_session("a", token.id, timedelta(days=1))
        access.add_session("b", None, timedelta(days=1))
        assert access.find(token.secret) is not None
        assert access.session("a") is not None
        now[0] += timedelta(hours=1)
        assert access.find(token.secret) is None
        assert access.session("a") is None
        assert access.session("b") is not None
        now[0] += timedelta(hours=23)
        assert access.session("b") is None


def test_signing_out_ends_the_session_for_whoever_has_the_cookie(guarded: Lab) -> None:
    cookie = sign_in(guarded, SECRET)
    assert guarded.http.get(RUNS, headers=with_cookie(cookie)).status_code == 200
    answer = guarded.http.post("/logout", headers=with_cookie(cookie))
    assert answer.status_code == 303
    assert guarded.http.get(RUNS, headers=with_cookie(cookie)).status_code == 401


def test_another_token_in_the_settings_ends_all_sessions(tmp_path: Path) -> None:
    with lab(tmp_path) as guarded:
        cookie = sign_in(guarded, SECRET)
    with lab(tmp_path) as guarded:
        assert guarded.http.get(RUNS, headers=with_cookie(cookie)).status_code == 200
    with lab(tmp_path, token="another one") as guarded:
        assert guarded.http.get(RUNS, headers=with_cookie(cookie)).status_code == 401


def test_a_workers_token_is_no_key_to_the_pages(guarded: Lab) -> None:
    assert sign_in(guarded, guarded.token("worker", "no pages").secret) is None


def test_a_session_may_do_what_its_token_may(guarded: Lab) -> None:
    cookie = sign_in(guarded, guarded.token("read", "a reader").secret)
    assert guarded.http.get(RUNS, headers=with_cookie(cookie)).status_code == 200
    assert guarded.http.post(RUNS, headers=with_cookie(cookie), json={"name": "x"}).status_code == 403


def test_a_browser_is_sent_to_sign_in(guarded: Lab) -> None:
    answer = guarded.http.get("/compare?runs=a,b", headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fcompare%3Fruns%3Da%2Cb"


@pytest.mark.parametrize(
    "target",
    ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "\\\\x", "javascript:alert(1)",
     "/a\r\nSet-Cookie: x=1", "elsewhere.example", "/\t/elsewhere.example", ""],
)  # fmt: skip
def test_a_sign_in_leads_nowhere_else(guarded: Lab, target: str) -> None:
    answer = guarded.http.post("/login", data={"token": SECRET, "next": target})
    guarded.http.forget_cookies()
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites() -> None:
    response = Response()
    set_session(response, "a session", is_https=True)
    for word in ("HttpOnly", "SameSite=strict", "Secure", "Path=/"):
        assert word in response.headers["set-cookie"]


def test_a_server_on_loopback_is_open_until_the_first_token(tmp_path: Path) -> None:
    with lab(tmp_path, token=None) as guarded:
        assert guarded.http.get(RUNS).status_code == 200
        assert guarded.http.get(RUNS, headers=bearer("hfl_whatever")).status_code == 200
        made = guarded.http.post(f"{API}/tokens", json={"name": "first", "role": "write"}).json()
        assert guarded.http.get(RUNS).status_code == 401
        assert guarded.http.get(RUNS, headers=bearer(made["secret"])).status_code == 200
        assert guarded.http.get(f"{API}/tokens", headers=bearer(made["secret"])).status_code == 403
        guarded.store.access.revoke(made["id"])
        assert guarded.http.get(RUNS).status_code == 401
    with lab(tmp_path, token=None) as guarded:
        assert guarded.http.get(RUNS).status_code == 401


def test_who_asked_for_a_change_is_remembered(guarded: Lab) -> None:
    token = guarded.token("write", "the boss")
    guarded.store.add_worker(announcement())
    run, _ = guarded.store.add_job(spec())
    paused = guarded.http.post(f"{API}/jobs/{run.id}/pause", headers=bearer(token.secret))
    assert paused.status_code in (200, 202)
    controls = guarded.http.get(f"{API}/runs/{run.id}/controls", headers=bearer(token.secret)).json()["items"]
    assert [control["requested_by"] for control in controls] == ["the boss"]
