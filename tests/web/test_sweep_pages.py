"""The pages of sweeps, and the figures that they ask for, as the server sends them."""

import json
from typing import Any

import httpx
import pytest

from server.makers import announcement, problem
from web.test_pages import HOSTILE, page_of

PATH = "optimizer_params.<b>damping"


@pytest.fixture
def sweep(http: httpx.Client) -> dict[str, Any]:
    """A sweep with a hostile name over a parameter with one."""
    schema = {"type": "object", "properties": {"<b>damping": {"type": "number", "default": 1.0}}}
    worker = announcement(
        problems=[problem("bowl")],
        optimizers=[{"name": "odd", "title": "Odd", "description": "", "params_schema": schema}],
    )
    http.post(
        "/api/v1/workers", content=worker.model_dump_json(), headers={"Content-Type": "application/json"}
    )
    body = {
        "name": HOSTILE,
        "base": {"problem": "bowl", "optimizer": "odd"},
        "search": {"method": "grid", "space": {PATH: [1.0, 2.0], "dtype": ["float32", "float64"]}},
    }
    answer = http.post("/api/v1/sweeps", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_pages_hold_their_data_and_nothing_inline(browse: httpx.Client, sweep: dict[str, Any]) -> None:
    for path in ("/sweeps", f"/sweeps/{sweep['id']}"):
        page = page_of(browse, path)
        assert all(
            attributes.get("src", "").startswith("/static/") or attributes.get("type") == "application/json"
            for attributes, _ in page.scripts
        )
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
        assert not [1 for _, attributes in page.elements if "style" in attributes]
        assert HOSTILE in json.dumps(page.data, ensure_ascii=False).replace('\\"', '"')
        assert not page.tags("b")
        assert {"href": "/sweeps", "aria-current": "page"} in page.tags("a") or path != "/sweeps"


def test_there_is_a_slice_for_every_parameter_and_a_map(browse: httpx.Client, sweep: dict[str, Any]) -> None:
    page = page_of(browse, f"/sweeps/{sweep['id']}")
    assert [1 for attributes, _ in page.scripts if {"data-plotly", "async"} <= attributes.keys()]
    figures = page.tags("live-figure")
    names = [figure["data-figure"] for figure in figures]
    assert names == ["history", "importance", "parallel", "slice", "slice", "map"]
    assert len({figure["id"] for figure in figures}) == len(figures)
    for figure in figures:
        if figure["src"]:
            assert browse.get(str(figure["src"])).status_code == 200


def test_a_sweep_that_is_not_there_has_a_page_that_says_so(browse: httpx.Client) -> None:
    page = page_of(browse, "/sweeps/nowhere", 404)
    assert page.tags("h1")


@pytest.mark.parametrize("name", ["history", "importance", "parallel", "slice", "map"])
def test_every_figure_is_answered(http: httpx.Client, sweep: dict[str, Any], name: str) -> None:
    figure = http.get(f"/api/v1/sweeps/{sweep['id']}/figures/{name}").json()
    assert figure["layout"]["meta"]["figure"] == name
    assert figure["data"]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("pie", 404, "There is no figure 'pie' of sweeps; there are: history,"),
        ("slice?param=optimizer_params.lr", 422, "param is 'optimizer_params.lr'; it must be one of "),
        ("map?x=dtype&y=budget.steps", 422, "y is 'budget.steps'; it must be one of "),
    ],
)
def test_what_there_is_not_is_said(
    http: httpx.Client, sweep: dict[str, Any], query: str, status: int, words: str
) -> None:
    answer = http.get(f"/api/v1/sweeps/{sweep['id']}/figures/{query}")
    assert answer.status_code == status
    assert answer.json()["detail"].startswith(words)
