"""Every page, and what opens on it, against the rules of WCAG 2.2 A and AA that a program can check, and axe-core's
best practices."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from system.browser.recording import Recorder
from system.browser.scripted import ScriptedJob
from system.browser.swept import swept
from system.browser.window import PHONE, Window, opened, rows

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
# What is wrong, where, and what axe says of it.
CHECK = """
async ([part, options]) => {
  const { violations } = await axe.run(document.querySelector(part), { resultTypes: ["violations"], ...options });
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} (${impact}) at ${target}: ${failureSummary}`));
}
"""
PAGES = (
    *(
        "runs",
        "groups",
        "run",
        "failed",
        "compare",
        "nothing-to-compare",
        "sweeps",
        "sweep",
        "submit",
        "workers",
    ),
    *("missing", "report", "report-comparison"),
)
STILL = ("missing", "report", "report-comparison")  # what does not change while one looks at it
TOKEN = "correct horse"
OPEN = "dialog[open]"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses of all pages of a server with three runs, a sweep and a job under way; and of reports in files."""
    folder = tmp_path_factory.mktemp("lab")
    with running(Settings(data_dir=folder, port=0)) as url:
        with httpx.Client(base_url=f"{url}/api/v1") as http:
            ids = [fill(http, name) for name in ("first", "second", "failed")]
            sweep = swept(url)
            job = ScriptedJob(http)
            job.send(rows(1, [8.0, 4.0], damping=1.0))
            reports = {
                "report": http.get(f"/runs/{ids[0]}/report.html"),
                "report-comparison": http.get("/report.html", params={"runs": f"{ids[0]},{ids[1]}"}),
            }
        for name, report in reports.items():
            (folder / f"{name}.html").write_bytes(report.content)
        yield {
            "runs": f"{url}/",
            "groups": f"{url}/?group=state",
            "run": f"{url}/runs/{ids[0]}",
            "job": f"{url}/runs/{job.id}",
            "failed": f"{url}/runs/{ids[2]}",
            "compare": f"{url}/compare?runs={ids[0]},{ids[1]}",
            "nothing-to-compare": f"{url}/compare",
            "sweeps": f"{url}/sweeps",
            "sweep": f"{url}/sweeps/{sweep}",
            "submit": f"{url}/submit",
            "workers": f"{url}/workers",
            "missing": f"{url}/runs/nothing-there",
        } | {name: (folder / f"{name}.html").as_uri() for name in reports}


def fill(http: httpx.Client, name: str) -> str:
    run = Recorder(http, name, config={"lr": 0.1}, tags=["demo"], notes="as it came")
    if name == "failed":
        run.send(rows(1, [8.0, 400.0]))
        run.finish("failed", cause="diverged", error="It went up.\nTraceback")
        return run.id
    trace = {
        "step": 3, "stop": "Convergence (Martens)", "damping": 0.5, "model_values": [0.0, -1.0, -1.5],
        "residual_norms": [4.0, 2.0, 1.0], "chosen_iteration": 2, "ritz_values": [0.5, 2.0],
    }  # fmt: skip
    measured = {
        "damping": 0.5,
        "cg_iterations": 3,
        "cg_stop": "Convergence (Martens)",
        "reduction_ratio": 0.9,
    }
    logs = [{"number": 1, "time": "2026-03-01T12:00:00Z", "stream": "stdout", "text": "a line"}]
    run.send(rows(1, [8.0, 4.0, "NaN"], gradient_norm=1.0, **measured), cg=[trace], logs=logs)
    return run.id


def violations(page: Page, part: str = "html") -> list[str]:
    """In a part of the page: against all rules in the light theme, against those of colour in the dark one, too."""
    page.evaluate(AXE)
    found: list[str] = page.evaluate(CHECK, [part, {}])
    page.emulate_media(color_scheme="dark")
    colours = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
    dark: list[str] = page.evaluate(CHECK, [part, colours])
    page.emulate_media(color_scheme="light")
    return [*found, *(f"dark: {violation}" for violation in dark)]


def settle(window: Window, name: str) -> None:
    """Until everything on the page is there."""
    if name not in STILL:
        expect(window.page.locator("connection-state")).to_have_attribute("data-state", "live")
    if window.page.locator("live-figure").count():
        window.see_all()


@pytest.mark.parametrize("name", PAGES)
def test_no_page_violates_a_rule(browser: Browser, pages: dict[str, str], name: str) -> None:
    with opened(browser, pages[name]) as window:
        window.page.goto(pages[name])
        settle(window, name)
        assert violations(window.page) == []


def test_nor_does_a_sign_in_nor_an_empty_page(browser: Browser, tmp_path: Path) -> None:
    with running(Settings(data_dir=tmp_path, port=0, token=TOKEN)) as url, opened(browser, url) as window:
        window.page.goto("/sweeps")
        field = window.page.get_by_label("Token")
        field.fill("wrong")
        window.page.keyboard.press("Enter")
        expect(field).to_have_accessible_description("That is not a valid token.")
        assert violations(window.page) == []
        field.fill(TOKEN)
        window.page.keyboard.press("Enter")
        window.page.wait_for_url("**/sweeps")
        for path in ("/sweeps", "/", "/workers", "/submit"):
            window.page.goto(path)
            settle(window, path)
            assert violations(window.page) == [], path


def test_what_opens_violates_none_either(browser: Browser, pages: dict[str, str]) -> None:
    """Menus, the help, the search and its finds, the data table and the large figure; the unfolded pages of a phone."""
    with opened(browser, pages["run"]) as window:
        page = window.page
        page.goto(pages["run"])
        window.wait_for_figure("loss")
        menu = page.locator("[data-figure=loss] figure-menu > button")
        menu.click()
        assert violations(page, "#figure-loss .figure-head") == []
        page.get_by_role("menuitem", name="Show data table").click()
        assert violations(page, "#figure-loss") == []
        menu.click()
        page.get_by_role("menuitem", name="Enlarge").click()
        expect(page.locator("dialog .js-plotly-plot")).to_be_visible()
        assert violations(page, OPEN) == []
    with opened(browser, pages["runs"], size=PHONE) as window:
        page = window.page
        page.goto(pages["runs"])
        settle(window, "runs")
        page.get_by_role("button", name="Pages").click()
        assert violations(page) == []
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        assert violations(page, OPEN) == []
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        expect(page.get_by_role("option").first).to_be_visible()
        assert violations(page, "header") == []


def test_nor_do_the_actions_on_many_runs(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["runs"]) as window:
        page = window.page
        page.goto(pages["runs"])
        page.get_by_label("Select first").check()
        page.get_by_role("button", name="More actions").click()
        assert violations(page, ".selection") == []
        page.keyboard.press("Escape")
        for button in ("Tag", "Delete", "Columns"):
            page.get_by_role("button", name=button, exact=True).click()
            assert violations(page, OPEN) == [], button
            page.keyboard.press("Escape")
        for item in ("Save this view", "Manage views"):
            page.get_by_role("button", name="Views").click()
            page.get_by_role("menuitem", name=item).click()
            assert violations(page, OPEN) == [], item
            page.keyboard.press("Escape")


def test_nor_do_questions_before_something_is_done(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["job"]) as window:
        page = window.page
        for name, button in (
            *(("job", "Adjust …"), ("job", "Cancel"), ("failed", "Delete"), ("workers", "Cancel: held")),
            ("nothing-to-compare", "Add runs"),
        ):
            page.goto(pages[name])
            expect(page.locator("connection-state")).to_have_attribute("data-state", "live")
            page.get_by_role("button", name=button, exact=True).click()
            if button == "Add runs":
                expect(page.locator(".adder-found li").first).to_be_visible()
            assert violations(page, OPEN) == [], button
