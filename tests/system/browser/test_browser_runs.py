"""The table of runs."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Locator, expect

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from system.browser.recording import Recorder
from system.browser.window import PHONE, Window, opened, rows

# A browser that lets pages keep nothing.
NOTHING_KEPT = """Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("denied", "SecurityError"); }
});"""


@pytest.fixture
def runs(http: httpx.Client) -> dict[str, Recorder]:
    """Five runs, each in another state of mind; the last is the youngest."""
    made = {}
    for name, optimizer, losses, end in [
        ("alpha", "adam", [3.0, 2.0], "completed"),
        ("beta", "sgd", [5.0, "NaN"], "failed"),
        ("gamma", "hessianfree", [4.0, 0.001], "completed"),
        ("delta <b>bold</b>", "adam", [], "cancelled"),
        ("epsilon", "lbfgs", [9.0], None),
    ]:
        recorder = Recorder(
            http, name, optimizer=optimizer, steps=4, tags=["paper"] if name == "gamma" else []
        )
        recorder.send(rows(1, losses))
        if end:
            recorder.finish(end, **({"cause": "diverged"} if end == "failed" else {}))
        made[name] = recorder
    return made


def expect_names(window: Window, *names: str) -> None:
    """Until these runs are shown, in this order."""
    expect(window.page.locator(".runs tbody [data-part=name]")).to_have_text(
        [re.compile(f"^{name}\\b") for name in names]
    )


def cell(window: Window, column: str) -> Locator:
    """That of the first run."""
    return window.page.locator(f".runs tbody tr:first-child [data-column='{column}']")


def test_an_empty_table_says_how_to_begin(window: Window) -> None:
    window.page.goto("/")
    expect(window.page.get_by_role("heading", name="Nothing has run yet")).to_be_visible()
    expect(window.page.locator("main").get_by_role("link", name="New job")).to_have_attribute(
        "href", "/submit"
    )
    expect(window.page.locator("table.runs")).to_be_hidden()


def test_a_run_appears_moves_on_and_leaves_while_one_watches(window: Window, http: httpx.Client) -> None:
    window.page.goto("/")
    expect(window.page.locator("connection-state")).to_have_text("Live")
    run = Recorder(http, "watched", steps=4)
    row = window.page.locator(".runs tbody tr")
    expect(row).to_contain_text("watched")
    expect(row.locator("state-badge")).to_have_text("Running")
    run.send(rows(1, [0.5, 0.25]))
    expect(row).to_contain_text("2 / 4")
    expect(cell(window, "loss.min")).to_have_text("0.2500")
    assert row.locator("progress").get_attribute("value") == "0.5"
    run.finish("failed", cause="out_of_memory")
    expect(row.locator("state-badge")).to_have_text("Failed: out of memory")
    http.delete(f"/runs/{run.id}")
    expect(row).to_have_count(0)


def test_columns_sort_both_ways_and_missing_values_stay_last(
    window: Window, runs: dict[str, Recorder]
) -> None:
    window.page.goto("/")
    expect_names(window, "epsilon", "delta", "gamma", "beta", "alpha")
    best = window.page.get_by_role("button", name="Best loss")
    best.click()
    expect_names(window, "gamma", "alpha", "beta", "epsilon", "delta")
    head = window.page.get_by_role("columnheader", name="Best loss")
    expect(head).to_have_attribute("aria-sort", "ascending")
    best.press("Enter")
    expect_names(window, "epsilon", "beta", "alpha", "gamma", "delta")
    expect(head).to_have_attribute("aria-sort", "descending")
    assert parse_qs(urlsplit(window.page.url).query) == {"sort": ["-loss.min"]}
    best.click()
    expect_names(window, "epsilon", "delta", "gamma", "beta", "alpha")
    window.page.go_back()
    expect_names(window, "epsilon", "beta", "alpha", "gamma", "delta")


def test_filters_narrow_and_the_address_keeps_them(window: Window, runs: dict[str, Recorder]) -> None:
    window.page.goto("/")
    window.page.get_by_label("State", exact=True).select_option("Completed")
    expect_names(window, "gamma", "alpha")
    window.page.get_by_label("Filter by").fill("paper")
    expect_names(window, "gamma")
    expect(window.page.locator("[data-part=count]")).to_have_text("1 run")
    window.page.reload()
    expect_names(window, "gamma")
    box = window.page.get_by_label("Filter by")
    expect(box).to_have_value("paper")
    window.page.get_by_label("State", exact=True).select_option("")
    box.focus()
    window.page.go_back()  # the box goes with it, even from under the caret
    window.page.go_back()
    expect_names(window, "epsilon", "delta", "gamma", "beta", "alpha")
    expect(box).to_have_value("")
    window.page.get_by_label("Filter by").fill("nothing like it")
    expect(window.page.get_by_text("No run matches.")).to_be_visible()
    window.page.get_by_role("button", name="Clear").click()
    expect_names(window, "epsilon", "delta", "gamma", "beta", "alpha")
    assert not urlsplit(window.page.url).query
    window.page.get_by_label("State", exact=True).select_option("Diverged")
    expect_names(window, "beta")


def test_selected_runs_are_compared_in_the_order_of_selection(
    window: Window, runs: dict[str, Recorder]
) -> None:
    window.page.goto("/")
    window.page.get_by_label("Select gamma").check()
    compare = window.page.locator("[data-part=compare]")
    expect(compare).not_to_have_attribute("href", re.compile("."))
    expect(window.page.get_by_text("Select another one to compare.")).to_be_visible()
    window.page.get_by_label("Select alpha").check()
    expect(window.page.get_by_text("2 runs selected")).to_be_visible()
    compare.click()
    window.page.wait_for_url("**/compare?*")
    assert parse_qs(urlsplit(window.page.url).query) == {"runs": [f"{runs['gamma'].id},{runs['alpha'].id}"]}


def test_a_selection_outlives_sorting_and_new_values(window: Window, runs: dict[str, Recorder]) -> None:
    window.page.goto("/")
    expect(window.page.locator("connection-state")).to_have_text("Live")
    box = window.page.get_by_label("Select epsilon")
    box.focus()
    window.page.keyboard.press("Space")
    runs["epsilon"].send(rows(2, [0.5]))
    expect(cell(window, "loss.last")).to_have_text("0.5000")
    expect(box).to_be_checked()
    expect(box).to_be_focused()


def test_a_name_like_markup_is_text(window: Window, runs: dict[str, Recorder]) -> None:
    window.page.goto("/")
    link = window.page.get_by_role("link", name="delta <b>bold</b>")
    expect(link).to_be_visible()
    assert link.locator("b").count() == 0
    link.click()
    expect(window.page.get_by_role("heading", level=1)).to_have_text("delta <b>bold</b>")


def test_the_page_works_by_keyboard_from_its_first_key(window: Window, runs: dict[str, Recorder]) -> None:
    window.page.goto("/")
    window.page.keyboard.press("Tab")
    skip = window.page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    window.page.keyboard.press("Enter")
    window.page.keyboard.press("Tab")
    expect(window.page.get_by_role("button", name="Views")).to_be_focused()
    window.page.keyboard.press("Tab")
    expect(window.page.get_by_label("Filter by")).to_be_focused()


def test_on_a_phone_rows_are_cards_that_can_be_sorted(
    browser: Browser, url: str, runs: dict[str, Recorder]
) -> None:
    with opened(browser, url, size=PHONE) as window:
        window.page.add_init_script(NOTHING_KEPT)
        window.page.goto("/")
        expect_names(window, "epsilon", "delta", "gamma", "beta", "alpha")
        window.page.get_by_label("Order", exact=True).select_option("Best loss")
        state = window.page.get_by_label("State", exact=True)
        expect(state).to_be_hidden()
        window.page.get_by_role("button", name="Filters", expanded=False).click()
        expect(state).to_be_visible()
        window.page.get_by_role("button", name="Filters", expanded=True).click()
        expect(state).to_be_hidden()
        expect_names(window, "gamma", "alpha", "beta", "epsilon", "delta")
        assert window.overflow() <= 0
        assert not window.complaints


def test_new_runs_come_in_at_the_top_or_are_announced(
    window: Window, runs: dict[str, Recorder], http: httpx.Client
) -> None:
    window.page.goto("/")
    expect(window.page.locator("connection-state")).to_have_text("Live")
    Recorder(http, "zeta")
    expect_names(window, "zeta", "epsilon", "delta", "gamma", "beta", "alpha")
    expect(window.page.locator("[data-part=count]")).to_have_text("6 runs")
    window.page.get_by_role("button", name="Best loss").click()
    expect_names(window, "gamma", "alpha", "beta", "epsilon", "zeta", "delta")
    best = Recorder(http, "eta")
    best.send(rows(1, [1e-6]))
    news = window.page.get_by_role("button", name="1 new run: show it")
    expect(news).to_be_visible()
    expect_names(window, "gamma", "alpha", "beta", "epsilon", "zeta", "delta")
    news.click()
    expect_names(window, "eta", "gamma", "alpha", "beta", "epsilon", "zeta", "delta")
    expect(news).to_be_hidden()


def test_a_row_stays_in_its_place_while_its_values_change(window: Window, runs: dict[str, Recorder]) -> None:
    window.page.goto("/?q=loss.last+>+2.5&sort=loss.last")
    expect(window.page.locator("connection-state")).to_have_text("Live")
    expect_names(window, "epsilon")
    runs["epsilon"].send(rows(2, [1.25]))
    expect(cell(window, "loss.last")).to_have_text("1.250")
    expect_names(window, "epsilon")


def test_runs_that_go_on_no_more_are_told_apart(browser: Browser, tmp_path: Path) -> None:
    labels = {
        "killed": "Failed: killed",
        "error": "Failed: error",
        "diverged": "Failed: diverged",
        "lost": "Failed: worker lost",
        "stale": "Stale",
    }
    with (
        running(Settings(data_dir=tmp_path / "lab", port=0, lease_seconds=0.5)) as address,
        httpx.Client(base_url=f"{address}/api/v1") as http,
        opened(browser, address) as window,
    ):
        for name in labels:
            run = Recorder(http, name)
            if name != "stale":
                run.finish("failed", cause=name)
        row = window.page.locator(".runs tbody tr")
        window.page.goto("/?sort=name")
        for name, label in sorted(labels.items()):
            expect(row.filter(has_text=label).locator("[data-part=name]")).to_have_text(name)
        signs = row.locator("state-badge use").evaluate_all("uses => uses.map((use) => use.href.baseVal)")
        assert len(set(signs)) == len(labels)
        for label in ("Killed", "Error", "Diverged", "Worker lost", "Stale"):
            window.page.get_by_label("State", exact=True).select_option(label)
            expect(window.page.locator("[data-part=count]")).to_have_text("1 run")
            expect(row.locator("state-badge")).to_contain_text(re.compile(label, re.IGNORECASE))
        assert not window.complaints


def test_a_load_that_fails_is_said_and_the_table_goes_on(window: Window, runs: dict[str, Recorder]) -> None:
    window.page.goto("/")
    expect(window.page.locator("connection-state")).to_have_text("Live")
    window.page.get_by_label("Select alpha").check()
    lists = re.compile(r"/api/v1/runs\?")
    window.page.route(lists, lambda route: route.fulfill(status=500, json={"detail": "It broke."}))
    window.page.get_by_role("button", name="Archive", exact=True).click()
    trouble = window.page.locator("[data-part=trouble]")
    expect(trouble).to_contain_text("It broke.")
    expect(window.page.get_by_label("Filter by")).not_to_have_attribute("aria-invalid", "true")
    runs["epsilon"].send(rows(2, [0.5]))
    expect(cell(window, "loss.last")).to_have_text("0.5000")
    window.page.get_by_role("button", name="Best loss").click()
    expect(trouble).to_contain_text("It broke.")
    window.page.unroute(lists)
    trouble.get_by_role("button", name="Try again").click()
    expect_names(window, "gamma", "epsilon", "beta", "delta")
    expect(trouble).to_be_hidden()
    assert all("500" in window.complaints.pop() for _ in window.complaints[:])


def test_rows_of_groups_stay_the_same_while_their_runs_go_on(
    window: Window, runs: dict[str, Recorder], http: httpx.Client
) -> None:
    window.page.goto("/?group=optimizer")
    expect(window.page.locator("connection-state")).to_have_text("Live")
    adam = window.page.locator(".group-toggle").first
    adam.press("Enter")
    expect_names(window, "delta", "alpha")
    adam.evaluate("(button) => (button.dataset.same = '')")
    Recorder(http, "zeta", optimizer="adam").send(rows(1, [0.125]))
    expect_names(window, "zeta", "delta", "alpha")
    expect(adam).to_contain_text("3 runs")
    expect(adam).to_have_attribute("data-same", "")
    expect(adam).to_be_focused()
