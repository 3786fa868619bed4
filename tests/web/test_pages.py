"""The pages as the server sends them."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from hessianfree_web import STATIC
from server.makers import announcement
from web.samples import record

HOSTILE = "<script>alert(1)</script>\"'&"


class Page(HTMLParser):
    """What a browser would make of a page: its elements, their attributes, its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)

    @property
    def data(self) -> Any:
        (block,) = [text for attributes, text in self.scripts if attributes.get("id") == "page-data"]
        return json.loads(block)

    def tags(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]


@pytest.fixture
def run(http: httpx.Client) -> str:
    return record(
        http, name=HOSTILE, steps=[{"loss": 1.0}], tags=["<i>"], notes="</script><b>", config={"<k>": "<v>"}
    )


def page_of(browse: httpx.Client, path: str, status: int = 200) -> Page:
    answer = browse.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.text)


@pytest.mark.parametrize(
    "path",
    ["/", "/runs/{run}", "/compare", "/compare?runs={run}", "/submit", "/submit?from={run}", "/workers"],
)
def test_every_page_is_there_and_nothing_in_it_is_inline_or_from_outside(
    browse: httpx.Client, run: str, path: str
) -> None:
    page = page_of(browse, path.format(run=run))
    for attributes, text in page.scripts:
        assert (
            attributes.get("src", "").startswith("/static/") or attributes.get("type") == "application/json"
        )  # type: ignore[union-attr]
        assert "src" not in attributes or not text.strip()
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (
            tag,
            attributes,
        )
        for name in ("href", "src", "action"):
            target = attributes.get(name)
            assert (
                target is None
                or (target.startswith(("/", "#")) and not target.startswith("//"))
                or target == ""
            ), target
    assert not page.tags("style")


@pytest.mark.parametrize("path", ["/", "/runs/{run}", "/compare?runs={run}", "/submit?from={run}"])
def test_a_run_named_like_a_script_is_inert(browse: httpx.Client, run: str, path: str) -> None:
    page = page_of(browse, path.format(run=run))
    assert all(
        "alert(1)" not in text
        for attributes, text in page.scripts
        if attributes.get("type") != "application/json"
    )
    assert HOSTILE in json.dumps(page.data, ensure_ascii=False).replace('\\"', '"') or "/submit" in path
    assert not page.tags("i")
    assert not page.tags("b")


def test_every_asset_that_a_page_names_is_served(browse: httpx.Client, run: str) -> None:
    page = page_of(browse, f"/runs/{run}")
    addresses = {str(a["src"]) for a, _ in page.scripts if "src" in a} | {
        str(a["href"]) for a in page.tags("link")
    }
    assert any("plotly" in address for address in addresses)
    for address in addresses:
        assert browse.get(address).status_code == 200, address


def test_every_icon_that_is_named_is_in_the_sprite() -> None:
    sprite = (STATIC / "icons.svg").read_text(encoding="utf-8")
    there = set(re.findall(r'symbol id="([\w-]+)"', sprite))
    templates = STATIC.parent / "templates"
    texts = [path.read_text(encoding="utf-8") for path in [*templates.rglob("*.html"), *STATIC.rglob("*.js")]]
    named = {
        name
        for text in texts
        for name in re.findall(r'icons\.svg#([\w-]+)"|\bicon\("([\w-]+)"\)', text)
        for name in name
        if name
    }
    states = {"queued", "running", "paused", "completed", "failed", "cancelled", "stale", "stopping"}
    assert named | {f"state-{state}" for state in states} <= there


def test_the_stream_starts_behind_what_the_page_shows(
    browse: httpx.Client, http: httpx.Client, run: str
) -> None:
    (before,) = page_of(browse, f"/runs/{run}").tags("connection-state")
    assert before["runs"] == run
    http.patch(f"/api/v1/runs/{run}", json={"name": "renamed"})
    (after,) = page_of(browse, f"/runs/{run}").tags("connection-state")
    assert int(str(after["after"])) > int(str(before["after"])) > 0


def test_a_run_page_shows_the_figures_whose_metrics_it_has(browse: httpx.Client, http: httpx.Client) -> None:
    run = record(http, steps=[{"loss": 1.0, "gradient_norm": 2.0}])
    shown = {
        figure["data-figure"]
        for figure in page_of(browse, f"/runs/{run}").tags("live-figure")
        if "hidden" not in figure
    }
    of_a_step = {"inner-solve", "kept-losses", "line-search", "ritz-values", "spectrum"}
    assert shown == {"loss", "gradient-norm"} | of_a_step
    (solve,) = page_of(browse, f"/runs/{run}").tags("inner-solve")
    assert "hidden" in solve
    (spectrum,) = page_of(browse, f"/runs/{run}").tags("loss-spectrum")
    assert (spectrum["data-needs"], "hidden" in spectrum) == ("spectrum_largest", True)


def test_slices_have_a_place_where_the_job_asked_for_them(tmp_path: Path) -> None:
    with (
        running(Settings(data_dir=tmp_path, port=0)) as url,
        httpx.Client(base_url=url, headers={"Accept": "text/html"}) as http,
    ):
        assert http.post("/api/v1/workers", json=announcement().model_dump(mode="json")).is_success
        for recorded, there in (({"slices": 5}, True), ({}, False)):
            run = http.post("/api/v1/jobs", json={"problem": "bowl", "record": recorded}).json()["id"]
            shown = {figure["data-figure"] for figure in page_of(http, f"/runs/{run}").tags("live-figure")}
            assert ("loss-slice" in shown) == there


def test_a_run_page_shows_spectra_where_there_are_some(browse: httpx.Client, http: httpx.Client) -> None:
    run = record(http, steps=[{"loss": 1.0, "spectrum_largest": 2.0}])
    page = page_of(browse, f"/runs/{run}")
    (spectrum,) = page.tags("loss-spectrum")
    assert "hidden" not in spectrum
    (extremes,) = (tag for tag in page.tags("live-figure") if tag["data-figure"] == "extreme-eigenvalues")
    assert "hidden" not in extremes


def test_numbers_that_are_not_finite_survive_in_the_page(browse: httpx.Client, http: httpx.Client) -> None:
    run = record(http, steps=[{"loss": "NaN", "gradient_equivalents": "Infinity"}])
    assert page_of(browse, f"/runs/{run}").data["run"]["summary"]["loss"]["last"] == "NaN"
    (shown,) = page_of(browse, f"/compare?runs={run}").data["runs"]
    assert shown["summary"]["gradient_equivalents"]["last"] == "Infinity"


def test_the_form_can_start_from_a_job_and_says_why_not_from_a_script(
    browse: httpx.Client, http: httpx.Client, run: str
) -> None:
    assert page_of(browse, "/submit").data["start"] is None
    answer = browse.get(f"/submit?from={run}")
    assert "was recorded by a script, not trained by a worker" in answer.text
    assert Page(answer.text).data["start"] is None
    http.post("/api/v1/workers", json=announcement().model_dump(mode="json")).raise_for_status()
    job = http.post("/api/v1/jobs", json={"problem": "bowl", "seed": 4}).json()
    assert page_of(browse, f"/submit?from={job['id']}").data["start"] == job["spec"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/runs/nowhere", "There is no run &#39;nowhere&#39;."),
        ("/nothing/here", "There is nothing at /nothing/here."),
        ("/submit?from=x", "no run"),
    ],
)
def test_what_is_not_there_is_answered_with_a_page(browse: httpx.Client, path: str, words: str) -> None:
    answer = browse.get(path)
    assert answer.status_code == 404
    assert words in answer.text
    assert page_of(browse, path, 404).tags("nav")


def test_a_path_that_is_markup_is_shown_as_text(browse: httpx.Client) -> None:
    assert "<img" not in browse.get("/%3Cimg%20src=x%3E").text


def test_signing_in_and_out(token_server: str) -> None:
    with httpx.Client(base_url=token_server, headers={"Accept": "text/html"}) as visitor:
        asked = visitor.get("/compare?runs=a,b")
        assert (asked.status_code, asked.headers["location"]) == (
            303,
            "/login?next=%2Fcompare%3Fruns%3Da%2Cb",
        )
        (field,) = [
            a for a in page_of(visitor, asked.headers["location"]).tags("input") if a["name"] == "next"
        ]
        assert field["value"] == "/compare?runs=a,b"

        refused = visitor.post("/login", data={"token": "wrong", "next": "/"})
        assert refused.status_code == 401
        assert "not a valid token" in refused.text
        assert not visitor.cookies

        granted = visitor.post("/login", data={"token": " correct horse ", "next": "/compare?runs=a,b"})
        assert (granted.status_code, granted.headers["location"]) == (303, "/compare?runs=a,b")
        assert "httponly" in granted.headers["set-cookie"].lower()
        page = visitor.get("/")
        assert page.status_code == 200
        assert "Sign out" in page.text

        assert visitor.post("/logout").headers["location"] == "/login"
        assert visitor.get("/").status_code == 303


@pytest.mark.parametrize(
    "target",
    ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "javascript:1", ""],
)
def test_signing_in_leads_nowhere_else(token_server: str, target: str) -> None:
    with httpx.Client(base_url=token_server) as visitor:
        granted = visitor.post("/login", data={"token": "correct horse", "next": target})
        assert granted.headers["location"] == "/"


def test_a_server_without_a_token_asks_for_none(browse: httpx.Client) -> None:
    assert browse.get("/login").headers["location"] == "/"
    assert browse.post("/login", data={"token": "x"}).headers["location"] == "/"
    assert "Sign out" not in browse.get("/").text


def test_options_keep_the_order_in_which_they_were_announced(
    browse: httpx.Client, http: httpx.Client
) -> None:
    properties = {name: {"type": "number"} for name in ("zeta", "alpha", "mu")}
    optimizer = {
        "name": "ordered",
        "title": "",
        "description": "",
        "params_schema": {"properties": properties},
    }
    worker = http.post(
        "/api/v1/workers", json={"name": "w", "host": "h", "pid": 1, "optimizers": [optimizer]}
    )
    assert worker.status_code == 201
    (announced,) = [
        info for info in page_of(browse, "/submit").data["optimizers"] if info["name"] == "ordered"
    ]
    assert list(announced["params_schema"]["properties"]) == ["zeta", "alpha", "mu"]
