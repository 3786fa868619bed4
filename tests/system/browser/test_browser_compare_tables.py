"""The compare page below its charts: summary, targets, values, configuration; and the runs that are compared."""

import csv
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from system.browser.comparing import LONG, Lab, query, see, wait
from system.browser.window import Window


def test_the_summary_is_sorted_by_any_column_and_taken_along(comparison: Window, lab: Lab) -> None:
    page = see(comparison, lab.address(0, 1, 2))
    names = page.locator("compare-summary tbody th")
    page.get_by_role("button", name="Best loss").click()
    expect(names).to_have_text(["third", "second", "first"])
    page.get_by_role("button", name="Best loss").click()
    expect(names).to_have_text(["first", "second", "third"])
    assert query(page) == {"sort": "-loss.min"}
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    with download.value.path().open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["name"], row["loss.min"]) for row in table] == [
        ("first", "4"),
        ("second", "3"),
        ("third", "1"),
    ]


def test_a_target_says_who_got_there_and_what_it_took(comparison: Window, lab: Lab) -> None:
    page = see(comparison, lab.address(0, 1, 2, 3, 4))
    section = page.locator("compare-targets")
    section.scroll_into_view_if_needed()
    page.get_by_label("Target", exact=True).fill("1")
    page.get_by_label("Target", exact=True).press("Enter")
    body = section.locator("tbody tr")
    expect(section.get_by_text("3 of 5 runs reached it.")).to_be_visible()
    expect(body.locator("th")).to_have_text(["third", "fifth", "fourth", "first", "second"])
    expect(body.nth(0).locator("td").first).to_have_text("2")
    expect(body.nth(4).locator("td")).to_have_text("not reached")
    assert query(page) == {"target": "1"}
    body.first.evaluate("(row) => { row.kept = true; }")
    page.get_by_label("Target", exact=True).fill("4")
    page.get_by_label("Target", exact=True).press("Enter")
    expect(section.get_by_text("5 of 5 runs reached it.")).to_be_visible()
    expect(body.filter(has_text="third")).to_have_js_property("kept", True)  # filled anew, where it stood
    page.get_by_label("Target", exact=True).fill("1")
    page.get_by_label("Target", exact=True).press("Enter")
    expect(section.get_by_text("3 of 5 runs reached it.")).to_be_visible()
    # On curves newton needs 2 steps and adam 4; on digits newton 2, and adam never gets there.
    page.locator("[name=cost]").select_option("step")
    profile = "() => { const plot = document.querySelector('#profile .plot'); return %s; }"
    page.wait_for_function(
        profile % "plot.data?.[0].y.join() === '0,0.5,0.5' && plot.data[1].y.join() === '1,1'"
    )
    expect(section.get_by_text("2 problems")).to_be_visible()


def test_too_little_for_a_profile_is_said_in_its_place(comparison: Window, lab: Lab) -> None:
    page = see(comparison, lab.address(0, 1))
    page.locator("compare-targets").scroll_into_view_if_needed()
    expect(page.get_by_text("there is nobody to be compared with")).to_be_visible()
    expect(page.locator("#profile .plot-frame")).to_be_hidden()


def test_only_settings_that_differ_are_listed_unless_all_are_asked_for(comparison: Window, lab: Lab) -> None:
    page = see(comparison, lab.address(0, 1))
    page.locator("compare-differences").scroll_into_view_if_needed()
    table = page.locator("compare-differences tbody tr")
    expect(table.locator("th")).to_have_text(["config.lr", "Only one run has", "config.note"])
    assert table.first.locator("td").all_inner_texts() == ["0.1", "0.2"]
    page.locator("compare-differences summary").click()
    expect(page.locator(".long-value p")).to_have_text(LONG.strip())
    page.get_by_label("Also what all have in common").check()
    expect(table.filter(has_text="config.layers")).to_have_count(1)
    assert query(page) == {"settings": "all"}


def test_a_point_of_two_values_opens_its_run(comparison: Window, lab: Lab) -> None:
    page = see(comparison, lab.address(1, 2))
    page.locator("compare-scatter").scroll_into_view_if_needed()
    page.locator("[name=across]").select_option("gradient_equivalents")
    page.wait_for_function("() => document.querySelector('#scatter .plot').data?.[0]?.x[0] === 9")
    assert query(page) == {"across": "gradient_equivalents"}
    page.locator("#scatter .point").first.click(force=True)
    page.wait_for_url(f"**/runs/{lab.runs[1].id}")


def test_runs_are_found_by_words_or_a_filter_added_and_taken_away(comparison: Window, lab: Lab) -> None:
    page = comparison.page
    page.goto("/compare")
    page.get_by_role("button", name="Add runs").click()
    page.get_by_label("Find runs").fill("optimizer = newton and problem = digits")
    found = page.locator(".adder-found li")
    expect(found.locator(".found-name")).to_have_text(["third"])
    found.get_by_role("checkbox").check()
    page.get_by_label("Find runs").fill("second")
    expect(found.locator(".found-name")).to_have_text(["second"])
    found.get_by_role("checkbox").check()
    page.get_by_role("button", name="Add 2").click()
    page.wait_for_url("**/compare?runs=*")
    wait(page, "plot?.data?.length === 2")
    assert parse_qs(urlsplit(page.url).query)["runs"] == [f"{lab.runs[2].id},{lab.runs[1].id}"]
    page.get_by_role("link", name="Remove second from the comparison").click(force=True)
    wait(page, "plot?.data?.length === 1")
