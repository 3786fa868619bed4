"""What travels packed, and what does not."""

import httpx
import pytest

from hessianfree_lab.api.assets import PLOTLY_URL

STEPS = [{"step": number, "loss": 1 / number} for number in range(1, 2001)]


@pytest.fixture
def recorded(http: httpx.Client) -> str:
    run: str = http.post("/api/v1/runs", json={"name": "long"}).json()["id"]
    assert http.post(f"/api/v1/runs/{run}/records", json={"attempt": 1, "steps": STEPS}).is_success
    assert http.put(f"/api/v1/runs/{run}/artifacts/zeros.txt", content=b"0" * 100_000).is_success
    return run


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/figures/loss?runs={run}",
        "/api/v1/runs/{run}/metrics",
        "/runs/{run}",
        "/static/main.js",
        "{plotly}",
    ],
)
def test_text_is_packed_for_whoever_takes_it(http: httpx.Client, recorded: str, path: str) -> None:
    address = path.format(run=recorded, plotly=PLOTLY_URL)
    packed = http.get(address, headers={"Accept-Encoding": "gzip", "Accept": "*/*"})
    plain = http.get(address, headers={"Accept-Encoding": "identity", "Accept": "*/*"})
    assert packed.is_success
    assert plain.headers.get("content-encoding") is None
    if len(plain.content) >= 4096:
        assert packed.headers["content-encoding"] == "gzip"
        assert "accept-encoding" in packed.headers["vary"].lower()
    assert packed.content == plain.content


@pytest.mark.parametrize("path", ["artifacts/zeros.txt", "metrics.parquet"])
def test_files_of_a_run_travel_as_they_are(http: httpx.Client, recorded: str, path: str) -> None:
    answer = http.get(f"/api/v1/runs/{recorded}/{path}", headers={"Accept-Encoding": "gzip"})
    assert answer.is_success
    assert "content-encoding" not in answer.headers


def test_a_figure_travels_in_less_than_half_its_size(http: httpx.Client, recorded: str) -> None:
    with http.stream("GET", f"/api/v1/figures/loss?runs={recorded}") as answer:
        sent = sum(len(part) for part in answer.iter_raw())
    whole = len(http.get(f"/api/v1/figures/loss?runs={recorded}").content)
    assert sent < whole / 2


def test_events_are_not_held_back_to_be_packed(http: httpx.Client, recorded: str) -> None:
    with http.stream("GET", f"/api/v1/events?runs={recorded}&after=0") as answer:
        assert "content-encoding" not in answer.headers
        assert next(answer.iter_lines())
