"""A run's page: one picked step, one x axis, zooms, sections and findings, all of them in the address."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from system.browser.recording import Recorder
from system.browser.window import PHONE, Window, opened, rows

STEPS = 60
SECOND_ORDER = {
    "gradient_norm": 3.0,
    "damping": 1.0,
    "reduction_ratio": 1.0,
    "cg_iterations": 2,
    "step_scale": 1.0,
}


class Runs:
    """A server with a run of each kind, recorded once."""

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url = url
        self.http = http
        self.second_order = self._second_order()
        self.first_order = self._first_order()
        self.diverged = self._diverged()

    def _second_order(self) -> str:
        run = Recorder(self.http, "second order", steps=STEPS)
        steps: list[Any] = rows(1, [8 * 0.93**n for n in range(STEPS)], **SECOND_ORDER)
        for row in steps:
            # From step 31 on the damping grows without an end.
            row["damping"] = 1.5 ** max(0, row["step"] - 30)
        cg = [
            {"step": n, "stop": "Convergence (Martens)", "model_values": [0, -n], "residual_norms": [1, 0.1]}
            for n in range(5, STEPS + 1, 5)
        ]
        run.send(steps, cg=cg)
        return run.id

    def _first_order(self) -> str:
        run = Recorder(self.http, "first order")
        run.send(rows(1, [4.0, 3.0, 2.0], gradient_norm=1.0, step_scale=0.1))
        return run.id

    def _diverged(self) -> str:
        run = Recorder(self.http, "diverged")
        run.send(rows(1, [1.0, 1e9, "Infinity"]))
        run.finish("failed", cause="diverged", error="Diverged: loss is inf at step 3.")
        return run.id


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    with (
        running(Settings(data_dir=tmp_path_factory.mktemp("lab"), port=0)) as url,
        httpx.Client(base_url=f"{url}/api/v1") as http,
    ):
        yield Runs(url, http)


@pytest.fixture
def window(browser: Browser, runs: Runs) -> Iterator[Window]:
    with opened(browser, runs.url) as window:
        yield window
        assert not window.complaints


def expect_search(page: Page, query: str) -> None:
    expect(page).to_have_url(re.compile(rf"/runs/[\w-]+{re.escape(query)}(#[\w-]+)?$"))


def marker(page: Page, figure: str) -> Any:
    return page.locator(f"[data-figure={figure}] .figure-line.marker")


def click_step(window: Window, figure: str, step: int) -> None:
    """On the point of a figure's first line."""
    place = window.plot(
        figure,
        f"""(() => {{
          const area = plot.querySelector(".nsewdrag").getBoundingClientRect();
          const {{ xaxis, yaxis }} = plot._fullLayout;
          const line = plot.data.find((trace) => trace.meta?.metric === "loss" && !trace.meta.marks);
          const row = line.customdata.indexOf({step});
          return [area.left + xaxis.d2p(line.x[row]), area.top + yaxis.d2p(line.y[row])];
        }})()""",
    )
    window.page.mouse.move(*place)
    window.page.wait_for_timeout(100)  # Plotly knows what is under the pointer a little later
    window.page.mouse.click(*place)


def test_a_step_is_picked_by_click_and_keys_and_is_in_the_address(window: Window, runs: Runs) -> None:
    page = window.page
    page.goto(f"/runs/{runs.second_order}")
    window.wait_for_step("loss", STEPS)
    click_step(window, "loss", 20)
    expect_search(page, "?step=20")
    expect(marker(page, "loss")).to_be_visible()
    expect(page.get_by_role("button", name="Back to the latest step")).to_contain_text("Step 20")
    expect(page.locator("inner-solve [data-part=step]")).to_have_value("20")

    for key, step in (
        ("ArrowRight", 21), ("Shift+ArrowRight", 31), ("ArrowLeft", 30), ("Shift+ArrowLeft", 20), ("Home", 1),
        ("ArrowLeft", 1), ("End", STEPS),
    ):  # fmt: skip
        page.keyboard.press(key)
        expect_search(page, f"?step={step}")
    page.locator("inner-solve").scroll_into_view_if_needed()
    caption = page.locator("inner-solve [data-part=caption]")
    expect(caption).to_contain_text(f"Step {STEPS}:")
    expect(caption).to_have_attribute("aria-live", "polite")
    page.keyboard.press("Escape")
    expect(caption).to_have_attribute("aria-live", "off")
    expect_search(page, "")
    expect(marker(page, "loss")).to_be_hidden()

    page.go_back()  # over the keys, to before the click
    expect_search(page, "")
    page.keyboard.press("ArrowLeft")
    expect_search(page, f"?step={STEPS - 1}")
    page.locator("inner-solve [data-part=step]").focus()
    page.keyboard.press("ArrowLeft")  # a field needs it itself
    expect_search(page, f"?step={STEPS - 1}")


def test_going_back_and_a_copied_address_show_the_same(window: Window, runs: Runs) -> None:
    page = window.page
    page.goto(f"/runs/{runs.second_order}?step=12")
    caption = page.locator("inner-solve [data-part=caption]")
    number = page.locator("inner-solve [data-part=step]")
    expect(number).to_have_value("12")
    window.wait_for_step("loss", STEPS)
    expect(marker(page, "loss")).to_be_visible()
    page.locator("inner-solve").scroll_into_view_if_needed()
    page.get_by_role("button", name="Next an inner solve").click()
    expect(caption).to_contain_text("Step 15:")
    page.get_by_role("button", name="Previous an inner solve").click()
    expect(caption).to_contain_text("Step 10:")
    page.go_back()
    expect(number).to_have_value("15")
    page.go_back()
    expect(number).to_have_value("12")
    page.go_forward()
    expect(caption).to_contain_text("Step 15:")
    page.locator("inner-solve [data-part=latest]").click()
    expect_search(page, "")
    expect(caption).to_contain_text(f"Step {STEPS}:")


def test_the_x_axis_is_chosen_for_the_whole_page_and_the_scale_of_y_for_a_figure(
    window: Window, runs: Runs
) -> None:
    page = window.page
    page.goto(f"/runs/{runs.second_order}?step=20")
    window.wait_for_step("loss", STEPS)
    page.get_by_role("combobox", name="Against").select_option("seconds")
    ranges = []
    for figure in ("loss", "damping", "reduction-ratio"):
        page.locator(f"[data-figure={figure}]").scroll_into_view_if_needed()
        window.wait_for_plot(figure, "plot.layout?.meta?.x === 'seconds'")
        ranges.append(window.plot(figure, "plot.layout.xaxis.range"))
    assert ranges[1:] == [ranges[0]] * 2  # lines or markers: below one another is the same step
    expect_search(page, "?step=20&x=seconds")
    expect(marker(page, "damping")).to_be_visible()  # at the same step, wherever that is along x
    page.locator("[data-figure=loss] [data-action=log]").click()
    expect_search(page, "?step=20&x=seconds&scale=-loss")
    page.reload()
    expect(page.get_by_role("combobox", name="Against")).to_have_value("seconds")
    window.wait_for_plot("loss", "plot.layout?.meta?.x === 'seconds' && plot.layout.yaxis.type === 'linear'")
    page.go_back()
    window.wait_for_plot("loss", "plot.layout?.meta?.x === 'seconds' && plot.layout.yaxis.type === 'log'")
    page.go_back()
    expect(page.get_by_role("combobox", name="Against")).to_have_value("step")
    window.wait_for_plot("loss", "plot.layout?.meta?.x === 'step'")
    page.goto(f"/runs/{runs.second_order}?x=nonsense")
    expect(page.get_by_role("combobox", name="Against")).to_have_value("step")


def test_a_finding_leads_to_what_shows_it(window: Window, runs: Runs) -> None:
    page = window.page
    page.goto(f"/runs/{runs.second_order}?x=seconds")
    expect(page.locator("run-header [data-part=health]")).to_contain_text("1 warning")
    finding = page.locator(".finding[data-kind=damping-grows]")
    expect(finding).to_contain_text("From 1 at step 30")
    assert finding.locator("details").evaluate("(details) => details.open")
    finding.get_by_role("link", name=re.compile("steps 30 to 60")).first.click()
    damping = page.locator("[data-figure=damping]")
    expect(damping).to_be_in_viewport()
    expect(damping).to_have_attribute("zoom", "22,68")
    expect(page.get_by_role("combobox", name="Against")).to_have_value("step")
    window.wait_for_plot(
        "damping", "plot.layout.xaxis.range?.[0] === 22 && plot.layout.xaxis.range[1] === 68"
    )
    expect_search(page, "?zoom=damping~22,68")
    page.reload()
    page.locator("[data-figure=damping]").scroll_into_view_if_needed()
    window.wait_for_plot("damping", "plot.layout?.xaxis?.range?.[0] === 22")
    page.go_back()
    expect_search(page, "?x=seconds")
    expect(page.locator("[data-figure=damping]")).not_to_have_attribute("zoom", "22,68")


def test_health_is_followed(window: Window, runs: Runs) -> None:
    run = Recorder(runs.http, "goes on", steps=50)
    run.send(rows(1, [1.0, 0.9]))
    page = window.page
    page.goto(f"/runs/{run.id}")
    summary = page.locator("run-health [data-part=summary]")
    expect(summary).to_have_text("Too early to tell")
    run.send(rows(3, [0.8, 0.7, 0.6, 0.5]))
    # It rests for twenty times as long as the first answer took, five seconds at least.
    expect(summary).to_have_text("Healthy so far", timeout=90_000)
    run.send(rows(7, ["NaN"]))
    run.finish("failed", cause="diverged", error="Diverged.")
    expect(page.locator(".finding[data-severity=problem]")).to_contain_text("The run has diverged")
    expect(page.locator("run-header [data-part=health]")).to_have_text("1 problem")
    expect(page.locator("run-header [data-part=sentence]")).to_contain_text("It diverged")


def test_sections_are_shown_where_there_is_something_in_them(window: Window, runs: Runs) -> None:
    page = window.page
    run = Recorder(runs.http, "grows")
    page.goto(f"/runs/{run.id}")
    nav = page.get_by_role("navigation", name="On this page")
    expect(nav.get_by_role("link")).to_have_text(["Health", "Progress", "Configuration", "Log"])
    expect(page.locator("[data-figure=loss] .plot-message")).to_contain_text(
        "Values appear here with the first step."
    )
    run.send(rows(1, [1.0], **SECOND_ORDER))
    expect(nav.get_by_role("link", name="Solves")).to_be_visible()
    expect(page.locator("inner-solve")).to_be_visible()

    page.goto(f"/runs/{runs.first_order}")
    expect(nav.get_by_role("link", name="Trust")).to_be_visible()  # the learning rate
    for section in ("Solves", "Step", "Spectrum"):
        expect(nav.get_by_role("link", name=section, exact=True)).to_be_hidden()
    expect(page.locator("#solve, #step, #spectrum").locator("visible=true")).to_have_count(0)

    nav.get_by_role("link", name="Log").click()
    expect(page.locator("#log")).to_be_in_viewport()
    expect(nav.get_by_role("link", name="Log")).to_have_attribute("aria-current", "true")
    top = page.locator("#log").evaluate("(part) => part.getBoundingClientRect().top")
    assert top >= page.locator(".run-bar").evaluate("(bar) => bar.getBoundingClientRect().bottom") - 1


def test_a_failed_run_says_what_went_wrong_first(window: Window, runs: Runs) -> None:
    page = window.page
    page.goto(f"/runs/{runs.diverged}")
    expect(page.locator("run-header state-badge")).to_have_text("Failed: diverged")
    expect(page.locator("run-header [data-part=sentence]")).to_have_text(
        "It diverged: the loss is no longer a finite number."
    )
    expect(page.get_by_role("region", name="What went wrong")).to_be_visible()
    expect(page.locator(".finding")).to_contain_text(["The run has diverged"])


def test_a_run_that_waits_has_a_page(window: Window, runs: Runs) -> None:
    problem = {"name": "p", "title": "P", "description": "", "params_schema": {"type": "object"}}
    optimizer = {**problem, "name": "o"}
    worker = {"name": "w", "host": "h", "pid": 1, "problems": [problem], "optimizers": [optimizer]}
    runs.http.post("/workers", json=worker).raise_for_status()
    run = runs.http.post("/jobs", json={"problem": "p", "optimizer": "o"}).json()["id"]
    page = window.page
    page.goto(f"/runs/{run}")
    expect(page.locator("run-header [data-part=sentence]")).to_contain_text("waits in the queue")
    expect(page.locator("run-health [data-part=summary]")).to_have_text("No steps yet")
    expect(page.locator("run-header [data-part=health]")).to_be_hidden()


def test_the_page_and_its_bar_fit_a_phone(browser: Browser, runs: Runs) -> None:
    with opened(browser, runs.url, size=PHONE) as window:
        window.page.goto(f"/runs/{runs.second_order}?step=20")
        window.wait_for_step("loss", STEPS)
        assert window.overflow() <= 0
        expect(window.page.get_by_role("combobox", name="Against")).to_be_visible()
        window.page.get_by_role("link", name="Log", exact=True).click()
        expect(window.page.locator("#log")).to_be_in_viewport()
        assert not window.complaints
