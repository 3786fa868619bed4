"""The pages of sweeps."""

import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, expect

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from server.makers import HESSIANFREE_SCHEMA, announcement, optimizer
from system.browser.window import PHONE, Window, opened, rows
from system.launch import wait_until

DAMPING, ROUNDS, SEARCH = (f"optimizer_params.{name}" for name in ("damping", "cg_max_iter", "search"))
SCHEMA = HESSIANFREE_SCHEMA | {
    "properties": HESSIANFREE_SCHEMA["properties"] | {"search": {"enum": ["armijo", None]}}
}
SPACE = {
    DAMPING: {"low": 1e-3, "high": 1e3, "log": True},
    ROUNDS: {"low": 10, "high": 300},
    SEARCH: ["armijo", None],
}


# Where on the screen the first dot of a figure is.
FIRST_POINT = """(() => {
  const box = plot.getBoundingClientRect();
  const { xaxis, yaxis } = plot._fullLayout;
  const [x, y] = [plot.data[0].x[0], plot.data[0].y[0]];
  return [box.left + xaxis._offset + xaxis.d2p(x), box.top + yaxis._offset + yaxis.d2p(y)];
})()"""


class Lab:
    """A server, and a worker that ends trials as a test wants."""

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url = url
        self._http = http
        known = announcement(optimizers=[optimizer("hessianfree", SCHEMA)])
        self._worker = self._post("/workers", content=known.model_dump_json())["id"]

    def begin(self, trials: int, **changes: Any) -> str:
        search = {"method": "random", "trials": trials, "space": SPACE}
        body = {"name": "Damping and rounds", "base": {"problem": "bowl"}, "search": search} | changes
        return str(self._post("/sweeps", json=body)["id"])

    def train(self, trials: int, bonus: float = 1.0) -> list[float | None]:
        """End so many trials; small dampings diverge, the best is 10. What each came to."""
        return [self._train_one(bonus) for _ in range(trials)]

    def _train_one(self, bonus: float) -> float | None:
        claimed = self._post(f"/workers/{self._worker}/claim", json={"wait_seconds": 20})
        params = claimed["spec"]["optimizer_params"]
        distance = math.log10(params["damping"]) - 1
        worth = None if distance < -2 else bonus * math.exp(distance**2 + params["cg_max_iter"] / 1000)
        run, attempt = claimed["run"], {"attempt": claimed["attempt"]}
        losses = [9.0, 9.0 if worth is None else worth]
        self._post(f"/runs/{run}/records", json=attempt | {"steps": rows(1, losses)})
        end = {"state": "failed", "cause": "diverged"} if worth is None else {"state": "completed"}
        self._post(f"/runs/{run}/finish", json=attempt | end)
        return worth

    def be_pruned(self) -> None:
        """Record a bad start of the next trial, and stop once told to."""
        claimed = self._post(f"/workers/{self._worker}/claim", json={"wait_seconds": 20})
        run, attempt = claimed["run"], {"attempt": claimed["attempt"]}
        self._post(f"/runs/{run}/records", json=attempt | {"steps": rows(1, [90.0, 80.0])})
        wait_until(
            lambda: self._http.get(f"{self.url}/api/v1/runs/{run}").json()["stop_requested"],
            seconds=20,
            what="it is told to stop",
        )
        self._post(f"/runs/{run}/finish", json=attempt | {"state": "cancelled"})

    def _post(self, path: str, **body: Any) -> Any:
        answer = self._http.post(
            f"{self.url}/api/v1{path}", timeout=30, headers={"Content-Type": "application/json"}, **body
        )
        answer.raise_for_status()
        return answer.json()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running(Settings(data_dir=tmp_path_factory.mktemp("lab"), port=0)) as url, httpx.Client() as http:
        yield Lab(url, http)


@pytest.fixture(scope="module")
def done(lab: Lab) -> tuple[str, list[float | None]]:
    """A sweep of thirty trials that has ended, and what they came to."""
    sweep = lab.begin(30)
    return sweep, lab.train(30)


@pytest.fixture
def window(browser: Browser, lab: Lab) -> Iterator[Window]:
    with opened(browser, lab.url) as window:
        yield window
        assert not window.complaints


def column(window: Window, number: int) -> list[str]:
    return window.page.locator(f".trials tbody tr > :nth-child({number})").all_inner_texts()


def test_a_sweep_is_seen_whole(window: Window, done: tuple[str, list[float | None]]) -> None:
    sweep, values = done
    page = window.page
    page.goto(f"/sweeps/{sweep}")
    expect(page.locator("sweep-header state-badge")).to_have_text("Completed")
    failed = values.count(None)
    assert failed
    expect(page.locator("[data-part=ended]")).to_have_text("30 / 30")
    expect(page.locator(".sweep-counts [data-state=failed] .number")).to_have_text(str(failed))
    best = min(value for value in values if value is not None)
    expect(page.locator("[data-part=best-value]")).to_have_text(f"{best:.4g}")

    expect(page.locator(".trials tbody tr")).to_have_count(30)
    assert column(window, 3)[0] == f"{best:.4g}"
    assert column(window, 3)[-1] == "–"
    expect(page.locator(".trials tr[data-best] .tag")).to_have_text("best")
    window.see_all()
    assert window.plot("history", "plot.data[0].x.length") == 30 - failed
    assert window.plot("history", "plot.data[2].x.length") == failed
    assert window.plot("importance", "plot.data[0].y.length") == 3
    assert window.plot("parallel", "plot.data[2].x.length") == 5 * round((30 - failed) / 10)
    assert window.plot("map", "plot.data[0].type") == "heatmap"
    assert page.locator(".sweep-slices .js-plotly-plot").count() == 3
    window.photograph("sweep")


def test_the_address_keeps_the_order_and_the_axes(
    window: Window, done: tuple[str, list[float | None]]
) -> None:
    page = window.page
    page.goto(f"/sweeps/{done[0]}")
    expect(page.locator(".trials tbody tr")).to_have_count(30)
    page.get_by_role("button", name="Trial", exact=True).click()
    expect(page.locator(".trials tbody tr").first).to_have_attribute("id", "trial-0")
    page.get_by_role("button", name="Trial", exact=True).click()
    expect(page.locator(".trials tbody tr").first).to_have_attribute("id", "trial-29")
    expect(page.locator("[data-column=number]")).to_have_attribute("aria-sort", "descending")
    page.get_by_label("Across").select_option(SEARCH)
    window.see_all()
    window.wait_for_plot("map", "plot.layout?.xaxis.ticktext?.includes('armijo')")
    scale = page.locator("#slice-2 [data-action=log]")
    expect(scale).to_have_attribute("aria-pressed", "true")
    scale.click()
    expect(scale).to_have_attribute("aria-pressed", "false")
    asked = {"sort": ["-number"], "x": [SEARCH], "y": [ROUNDS], "scale": ["-slice-2"]}
    assert parse_qs(urlsplit(page.url).query) == asked

    page.reload()
    expect(page.locator(".trials tbody tr").first).to_have_attribute("id", "trial-29")
    expect(page.get_by_label("Across")).to_have_value(SEARCH)
    window.see_all()
    expect(scale).to_have_attribute("aria-pressed", "false")
    page.go_back()
    expect(scale).to_have_attribute("aria-pressed", "true")
    page.go_back()
    expect(page.get_by_label("Across")).to_have_value(DAMPING)
    page.go_back()
    expect(page.locator(".trials tbody tr").first).to_have_attribute("id", "trial-0")


def test_a_trial_leads_to_its_run_and_the_best_to_a_comparison(
    window: Window, done: tuple[str, list[float | None]]
) -> None:
    page = window.page
    page.goto(f"/sweeps/{done[0]}")
    compare = page.get_by_role("link", name="Compare the best 5")
    expect(compare).to_have_attribute("href", "/compare?runs=" + ",".join(_best_runs(window, 5)))
    window.see_all()
    first = window.plot("history", "plot.data[0].x[0]")
    page.locator("[data-figure=history]").scroll_into_view_if_needed()
    left, top = window.plot("history", FIRST_POINT)
    page.mouse.click(left, top)
    page.wait_for_url("**/runs/*")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Damping and rounds #{first}")
    page.go_back()
    page.get_by_role("link", name="All its runs").click()
    expect(page.locator("table.runs tbody tr")).to_have_count(30)


def _best_runs(window: Window, count: int) -> list[str]:
    links = window.page.locator(".trials .trial-runs a")
    expect(links).to_have_count(30)
    return [str(link.get_attribute("href")).rpartition("/")[2] for link in links.all()[:count]]


def test_a_pruned_trial_says_where_and_the_report_has_it(window: Window, lab: Lab) -> None:
    page = window.page
    search = {"method": "random", "trials": 4, "space": SPACE, "pruning": {"after": 2, "factor": 2}}
    sweep = lab.begin(4, name="pruned", search=search)
    page.goto(f"/sweeps/{sweep}")
    while lab.train(1) == [None]:
        pass
    lab.be_pruned()
    expect(page.locator(".sweep-counts [data-state=pruned] .number")).to_have_text("1")
    row = page.locator(".trials tr", has=page.locator("state-badge[state=pruned]"))
    expect(row.locator("td").first).to_have_text("Prunedat 2 steps with 80")
    with page.expect_download() as download:
        page.get_by_role("link", name="Report").click()
    text = download.value.path().read_text(encoding="utf-8")
    assert '<dt>Pruned</dt><dd class="number">1</dd>' in text
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel sweep").click()
    expect(page.locator("sweep-header > .run-head state-badge")).to_have_text("Cancelled")


def test_it_goes_on_while_one_watches_and_can_be_cancelled(window: Window, lab: Lab) -> None:
    page = window.page
    sweep = lab.begin(12, name="live", parallel=2)
    page.goto(f"/sweeps/{sweep}")
    expect(page.locator("connection-state")).to_have_text("Live")
    expect(page.locator("[data-part=ended]")).to_have_text("0 / 12")
    expect(page.locator("[data-figure=parallel]")).to_be_hidden()
    lab.train(5)
    expect(page.locator("[data-part=ended]")).to_have_text("5 / 12")
    expect(page.locator("[data-figure=parallel]")).to_be_visible()
    expect(page.locator(".trials tbody tr")).to_have_count(7)
    window.wait_for_plot("history", "plot.data?.[0].x.length + plot.data?.[2].x.length === 5")
    number = 5
    while lab.train(1, bonus=1e-6) == [None]:
        number += 1
    expect(page.locator("[data-part=best-trial]")).to_have_text(f"trial {number}")

    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel sweep").click()
    expect(page.locator("sweep-header state-badge")).to_have_text("Cancelled")
    expect(page.locator(".sweep-counts [data-state=cancelled] .number")).to_have_text("2")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete sweep").click()
    page.wait_for_url("**/sweeps")
    expect(page.locator("sweeps-list")).not_to_contain_text("live")


def test_the_list_is_live_and_empty_at_first(browser: Browser, url: str, http: httpx.Client) -> None:
    with opened(browser, url) as window:
        page = window.page
        page.goto("/sweeps")
        expect(page.get_by_role("heading", name="No sweep yet")).to_be_visible()
        expect(page.locator("connection-state")).to_have_text("Live")
        lab = Lab(url, http)
        lab.begin(4, name="<i>first</i>")
        expect(page.get_by_role("link", name="<i>first</i>")).to_be_visible()
        lab.train(4)
        expect(page.locator(".sweep-progress .number")).to_have_text("4 / 4")
        expect(page.locator("sweeps-list state-badge")).to_have_text("Completed")
        assert not window.complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(
    browser: Browser, lab: Lab, done: tuple[str, list[float | None]], scheme: str
) -> None:
    with opened(browser, lab.url, size=PHONE, scheme=scheme) as window:
        for name, path in (("sweeps", "/sweeps"), ("sweep", f"/sweeps/{done[0]}")):
            window.page.goto(path)
            expect(window.page.locator("tbody tr").first).to_be_visible()
            window.see_all()
            assert window.overflow() <= 0
            window.photograph(f"{name}-phone-{scheme}")
        assert not window.complaints
