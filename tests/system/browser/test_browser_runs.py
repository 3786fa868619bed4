"""The table of runs."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, expect

from system.browser.conftest import Recorder
from system.browser.window import PHONE, Window, opened, rows


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


def names(window: Window) -> list[str]:
    found: list[str] = window.page.locator("tbody tr:visible [data-part=name]").all_inner_texts()
    return [name.split()[0] for name in found]


def test_an_empty_table_says_how_to_begin(window: Window) -> None:
    window.page.goto("/")
    expect(window.page.get_by_role("heading", name="Nothing has run yet")).to_be_visible()
    expect(window.page.locator("main").get_by_role("link", name="New job")).to_have_attribute(
        "href", "/submit"
    )
    expect(window.page.get_by_role("table")).to_be_hidden()


def test_a_run_appears_moves_on_and_leaves_while_one_watches(window: Window, http: httpx.Client) -> None:
    window.page.goto("/")
    expect(window.page.locator("connection-state")).to_have_text("Live")
    run = Recorder(http, "watched", steps=4)
    row = window.page.locator("tbody tr")
    expect(row).to_contain_text("watched")
    expect(row.locator("state-badge")).to_have_text("Running")
    run.send(rows(1, [0.5, 0.25]))
    expect(row).to_contain_text("2 / 4")
    expect(row.locator(".run-best")).to_have_text("0.2500")
    assert row.locator("progress").get_attribute("value") == "0.5"
    run.finish("failed", cause="out_of_memory")
    expect(row.locator("state-badge")).to_have_text("Failed: out of memory")
    http.delete(f"/runs/{run.id}")
    expect(row).to_have_count(0)


def test_columns_sort_both_ways_and_missing_values_stay_last(
    window: Window, runs: dict[str, Recorder]
) -> None:
    window.page.goto("/")
    assert names(window) == ["epsilon", "delta", "gamma", "beta", "alpha"]
    best = window.page.get_by_role("button", name="Best loss")
    best.click()
    assert names(window) == ["gamma", "alpha", "beta", "epsilon", "delta"]
    head = window.page.get_by_role("columnheader", name="Best loss")
    expect(head).to_have_attribute("aria-sort", "ascending")
    best.press("Enter")
    assert names(window) == ["epsilon", "beta", "alpha", "gamma", "delta"]
    expect(head).to_have_attribute("aria-sort", "descending")
    assert parse_qs(urlsplit(window.page.url).query) == {"sort": ["-best"]}


def test_filters_narrow_and_the_address_keeps_them(window: Window, runs: dict[str, Recorder]) -> None:
    window.page.goto("/")
    window.page.get_by_label("State", exact=True).select_option("Completed")
    assert names(window) == ["gamma", "alpha"]
    window.page.get_by_label("Filter by").fill("paper")
    assert names(window) == ["gamma"]
    expect(window.page.locator("[data-part=count]")).to_have_text("1 of 5")
    window.page.reload()
    assert names(window) == ["gamma"]
    expect(window.page.get_by_label("Filter by")).to_have_value("paper")
    window.page.get_by_label("Filter by").fill("nothing like it")
    expect(window.page.get_by_text("No run matches these filters.")).to_be_visible()
    window.page.get_by_role("button", name="Clear").click()
    assert len(names(window)) == 5
    assert not urlsplit(window.page.url).query


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
    expect(window.page.locator("tbody tr").first.locator(".run-loss")).to_have_text("0.5000")
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
    expect(window.page.get_by_label("Filter by")).to_be_focused()


def test_older_runs_are_fetched_page_by_page(window: Window, http: httpx.Client) -> None:
    for number in range(205):
        Recorder(http, f"run {number}", problem=f"p{number}")
    window.page.goto("/")
    expect(window.page.locator("[data-part=count]")).to_have_text("205 runs")
    expect(window.page.locator("tbody tr")).to_have_count(200)
    window.page.get_by_label("Filter by").fill("p37")
    assert names(window) == ["run"]
    window.page.get_by_role("button", name="Clear").click()
    more = window.page.get_by_role("button", name="Show more runs")
    more.click()
    expect(window.page.locator("tbody tr")).to_have_count(205)
    expect(more).to_be_hidden()


def test_on_a_phone_rows_are_cards_that_can_be_sorted(
    browser: Browser, url: str, runs: dict[str, Recorder]
) -> None:
    with opened(browser, url, size=PHONE) as window:
        window.page.goto("/")
        expect(window.page.locator("tbody tr").first).to_contain_text("epsilon")
        window.page.get_by_label("Order", exact=True).select_option("Best loss")
        assert names(window)[0] == "gamma"
        assert window.overflow() <= 0
        assert not window.complaints
