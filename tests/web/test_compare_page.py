"""The compare page as the server renders it."""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from web.samples import record


def data_of(browse: httpx.Client, address: str) -> dict[str, Any]:
    answer = browse.get(address)
    assert answer.status_code == 200, answer.text
    block = re.search(r'id="page-data">(.*?)</script>', answer.text, re.DOTALL)
    assert block
    data: dict[str, Any] = json.loads(block[1])
    return data


@pytest.fixture
def run(http: httpx.Client) -> str:
    return record(http, steps=[{"loss": 1.0}])


def test_every_number_the_runs_have_can_be_drawn(browse: httpx.Client, http: httpx.Client) -> None:
    first = record(http, steps=[{"loss": 1.0, "damping": 1.0, "cg_stop": "Divergence", "zeta": 1.0}])
    second = record(http, steps=[{"loss": 1.0, "accuracy": 0.5}])
    data = data_of(browse, f"/compare?runs={first},{second},{first}")
    assert [name for name, _ in data["metrics"]] == ["loss", "damping", "accuracy", "zeta"]
    assert [run["id"] for run in data["runs"]] == [first, second]
    assert "environment" not in data["runs"][0]


def test_runs_come_with_the_name_and_colour_that_figures_give_them(
    browse: httpx.Client, http: httpx.Client
) -> None:
    ids = [
        record(http, name="twin", optimizer=name, config={"lr": lr})
        for name, lr in (("a", 1), ("b", 2), ("a", 3))
    ]
    data = data_of(browse, f"/compare?runs={','.join(ids)}&group=optimizer")
    shown = [(one["name"], one["colour"]) for one in data["shown"]]
    assert shown == [(f"twin ({run[-4:]})", run_colour(http, run)) for run in ids]
    assert data["keys"] == ["optimizer"]
    assert data["groups"] == [
        {"name": "a", "colour": 0, "runs": [ids[0], ids[2]]},
        {"name": "b", "colour": 1, "runs": [ids[1]]},
    ]
    assert "config.lr" in [key for key, _ in data["values"]]


def run_colour(http: httpx.Client, run: str) -> int:
    colour: int = http.get(f"/api/v1/runs/{run}").json()["colour"]
    return colour


def test_runs_that_are_gone_are_named_and_left_out(browse: httpx.Client, run: str) -> None:
    assert "Not there: gone-for-good." in browse.get(f"/compare?runs={run},gone-for-good").text
    data = data_of(browse, f"/compare?runs={run},gone-for-good")
    assert [found["id"] for found in data["runs"]] == [run]


def test_more_than_a_hundred_runs_are_left_out_and_counted(browse: httpx.Client, run: str) -> None:
    asked = ",".join([run, *(f"gone-{number}" for number in range(101))])
    text = browse.get(f"/compare?runs={asked}").text
    assert "At most 100 runs can be compared: 2 more that the address names are left out." in text


def test_archived_runs_can_be_compared(browse: httpx.Client, http: httpx.Client, run: str) -> None:
    http.patch(f"/api/v1/runs/{run}", json={"archived": True}).raise_for_status()
    assert [found["id"] for found in data_of(browse, f"/compare?runs={run}")["runs"]] == [run]


def test_a_filter_becomes_the_runs_that_it_lets_through(browse: httpx.Client, http: httpx.Client) -> None:
    ids = [record(http, optimizer=name) for name in ("adam", "sgd", "adam")]
    answer = browse.get("/compare", params={"filter": "optimizer = adam", "x": "seconds"})
    assert answer.status_code == 303
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query == {"runs": [f"{ids[2]},{ids[0]}"], "x": ["seconds"]}
    nonsense = browse.get("/compare", params={"filter": "optimizer = = adam"})
    assert nonsense.status_code == 422


def test_a_page_without_runs_says_how_to_begin(browse: httpx.Client) -> None:
    text = browse.get("/compare").text
    assert "Choose runs to compare" in text
    assert "compare-adder" in text
