"""What one client can take of the server: wrong tokens, event streams, log lines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hessianfree_lab.api.auth import COOKIE
from hessianfree_lab.api.login_limit import LoginLimit
from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from server.api.lab import SECRET, Lab, bearer, lab
from server.api.live import streaming
from server.makers import batch, line

API = "/api/v1"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab"), login_attempts=3, max_log_lines=5) as made:
        yield made


def test_failures_count_for_a_minute(clock: Clock) -> None:
    limit = LoginLimit(2, clock=clock)
    limit.note_failure("a")
    clock.now = 30.0
    limit.note_failure("a")
    assert limit.wait_seconds("a") == 30.0
    assert limit.wait_seconds("b") == 0.0
    clock.now = 60.5
    assert limit.wait_seconds("a") == 0.0
    limit.note_failure("a")
    assert limit.wait_seconds("a") == 29.5
    limit.forget("a")
    assert limit.wait_seconds("a") == 0.0


def test_only_so_many_clients_are_remembered(clock: Clock) -> None:
    limit = LoginLimit(1, clients=3, clock=clock)
    for number in range(1000):
        limit.note_failure(str(number))
        limit.note_failure("busy")
    assert len(limit._failures) == 3
    assert limit.wait_seconds("busy") == 60.0


def test_who_tries_too_many_tokens_has_to_wait(guarded: Lab) -> None:
    def sign_in(token: str) -> httpx.Response:
        return guarded.http.post("/login", data={"token": token})

    assert [sign_in(f"wrong {number}").status_code for number in range(3)] == [401] * 3
    for token in ("wrong", SECRET):
        answer = sign_in(token)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert "Too many wrong tokens" in answer.text
        assert COOKIE not in answer.headers.get("set-cookie", "")
    # Programs that show a token are not shut out by their neighbour's mistakes.
    assert guarded.http.get(f"{API}/runs", headers=bearer(SECRET)).status_code == 200


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"streams_a_client": 2}, "This client has 2 event streams open"),
        ({"streams_in_all": 2}, "2 event streams are open, which is all"),
    ],
)
def test_event_streams_are_counted(tmp_path: Path, settings: dict[str, int], words: str) -> None:
    with running(Settings(data_dir=tmp_path, port=0, **settings)) as url:
        events = f"{url}{API}/events"
        with streaming(url), streaming(url):
            refused = httpx.get(events)
            assert refused.status_code == 429
            assert refused.headers["retry-after"]
            assert words in refused.json()["detail"]
        # Those that ended have left their places; the server notices when it next writes.
        httpx.post(f"{url}{API}/runs", json={"name": "news"}).raise_for_status()
        _until_there_is_a_place(events)


def _until_there_is_a_place(events: str) -> None:
    for _ in range(100):
        with httpx.stream("GET", events) as answer:
            if answer.status_code == 200:
                return
    pytest.fail("the places of streams that have ended are not given back")


def test_an_open_stream_ends_when_its_token_is_revoked(tmp_path: Path) -> None:
    with running(Settings(data_dir=tmp_path, port=0, token=SECRET)) as url:
        made = httpx.post(
            f"{url}{API}/tokens", headers=bearer(SECRET), json={"name": "guest", "role": "read"}
        ).json()
        with (
            streaming(url, headers=bearer(SECRET)) as owners,
            streaming(url, headers=bearer(made["secret"])) as guests,
        ):
            httpx.delete(f"{url}{API}/tokens/{made['id']}", headers=bearer(SECRET)).raise_for_status()
            assert guests.ended.wait(30)
            assert not owners.ended.is_set()


def script(guarded: Lab) -> str:
    answer = guarded.http.post(f"{API}/runs", headers=bearer(SECRET), json={"name": "talkative"})
    return f"{API}/runs/{answer.json()['id']}"


def send(guarded: Lab, run: str, *numbers: int) -> None:
    body = batch(logs=[line(number) for number in numbers]).model_dump_json()
    assert guarded.http.post(f"{run}/records", headers=bearer(SECRET), content=body).status_code == 200


def lines(guarded: Lab, run: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = guarded.http.get(f"{run}/logs", headers=bearer(SECRET)).json()["lines"]
    return found


@pytest.mark.parametrize(
    "batches", [[range(8)], [range(3), range(3, 7), range(5, 8), range(8)], [range(6, 8), range(6)]]
)
def test_lines_beyond_the_limit_are_dropped_with_one_that_says_so(guarded: Lab, batches: list[range]) -> None:
    run = script(guarded)
    for numbers in batches:
        send(guarded, run, *numbers)
    found = {entry["number"]: entry["text"] for entry in lines(guarded, run)}
    assert len(lines(guarded, run)) == 6
    assert [found[number] for number in range(5)] == [f"line {number}" for number in range(5)]
    assert found[5] == "What this attempt printed after its first 5 lines is not kept."


def test_a_long_line_is_cut_and_the_rest_of_its_batch_arrives(guarded: Lab) -> None:
    run = script(guarded)
    logs = [
        {"number": 0, "text": "x" * 20_000},
        {"number": 1, "text": "y" * 8_192},
        {"number": 2, "text": "z"},
    ]
    sent = guarded.http.post(
        f"{run}/records", headers=bearer(SECRET), json={"steps": [{"step": 1, "loss": 1.0}], "logs": logs}
    )
    assert sent.status_code == 200
    texts = [entry["text"] for entry in lines(guarded, run)]
    assert texts == ["x" * 8_191 + "…", "y" * 8_192, "z"]
