"""What is done to many runs of the table at once."""

from pathlib import Path

import httpx
from playwright.sync_api import expect

from system.browser.many import expect_count, rows, total
from system.browser.window import Window

RUNS = 500
CURVES = 0


def test_many_are_selected_and_tagged_at_once(table: Window, api: httpx.Client) -> None:
    text = "seed >= 250 and seed < 450"
    table.page.goto(f"/?q={text.replace(' ', '+')}")
    boxes = table.page.locator(".runs tbody input[type=checkbox]")
    boxes.nth(1).check()
    boxes.nth(4).click(modifiers=["Shift"])
    selected = table.page.locator("[data-part=selected]")
    expect(selected).to_have_text("4 runs selected")
    table.page.get_by_label("Select all runs that are shown").check()
    expect(selected).to_have_text("50 runs selected")
    table.page.get_by_role("button", name="Select all 200").click()
    expect(selected).to_have_text("200 runs selected")
    table.page.get_by_role("button", name="Tag", exact=True).click()
    table.page.get_by_label("Tags, separated by commas").fill("chosen, twice")
    table.page.get_by_role("button", name="Go").click()
    expect(table.page.locator(".announcement")).to_have_text("200 runs tagged")
    expect(rows(table).first).to_contain_text("chosen")
    assert total(api, filter="tag = chosen and tag = twice") == 200


def test_deleting_asks_first_and_says_what_could_not_be(table: Window, api: httpx.Client) -> None:
    text = "seed >= 490 and seed < 494"
    held = api.post("/runs", json={"name": "under way", "config": {}, "tags": ["doomed"]}).json()["id"]
    ids = [run["id"] for run in api.get("/runs", params={"filter": text}).json()["items"]]
    api.post("/runs/actions", json={"action": "tag", "tags": ["doomed"], "runs": ids})
    table.page.goto("/?q=tag+%3D+doomed")
    table.page.get_by_label("Select all runs that are shown").check()
    table.page.get_by_role("button", name="Delete", exact=True).click()
    dialog = table.page.get_by_role("dialog", name="Delete 5 runs?")
    expect(dialog).to_contain_text("Everything they recorded goes with them")
    expect(dialog.get_by_role("button", name="Leave them as they are")).to_be_focused()
    dialog.get_by_role("button", name="Leave them as they are").click()
    assert total(api, filter="tag = doomed") == 5
    table.page.get_by_role("button", name="Delete", exact=True).click()
    dialog.get_by_role("button", name="Delete").click()
    refused = table.page.get_by_role("dialog", name="1 run could not be changed")
    expect(refused).to_contain_text("cancel it before it is removed")
    refused.get_by_role("button", name="Close").click()
    expect_count(table, "1 run")
    expect(table.page.locator("[data-part=bar]")).to_be_hidden()
    assert [run["id"] for run in api.get("/runs", params={"tag": "doomed"}).json()["items"]] == [held]
    api.post(f"/runs/{held}/finish", json={"attempt": 1, "state": "completed"})
    api.delete(f"/runs/{held}")


def test_a_selection_is_cancelled_and_saved_as_a_file(table: Window, api: httpx.Client) -> None:
    text = "seed < 50 and state = queued"
    table.page.goto(f"/?q={text.replace(' ', '+')}&sort=name")
    waiting = total(api, filter=text)
    boxes = table.page.locator(".runs tbody input[type=checkbox]")
    more = table.page.get_by_role("button", name="More actions")
    boxes.nth(0).check()
    boxes.nth(1).check()
    picked = [boxes.nth(place).get_attribute("value") for place in (0, 1)]
    more.click()
    with table.page.expect_download() as started:
        table.page.get_by_role("menuitem", name="Download as CSV").click()
    lines = Path(started.value.path()).read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == picked
    more.click()
    table.page.get_by_role("menuitem", name="Cancel").click()
    dialog = table.page.get_by_role("dialog", name="Cancel 2 runs?")
    expect(dialog).to_contain_text("leave the queue at once")
    table.page.keyboard.press("Escape")
    assert total(api, filter=text) == waiting
    more.click()
    table.page.get_by_role("menuitem", name="Cancel").click()
    dialog.get_by_role("button", name="Cancel").click()
    expect(table.page.locator(".announcement")).to_have_text("2 runs told to stop")
    expect(rows(table).first).to_contain_text("Cancelled")
    assert {api.get(f"/runs/{run}").json()["state"] for run in picked} == {"cancelled"}


def test_what_is_done_to_runs_that_are_not_seen_asks_first(table: Window, api: httpx.Client) -> None:
    table.page.goto("/?q=seed+<+250")
    everything = table.page.get_by_label("Select all runs that are shown")
    everything.check()
    table.page.get_by_role("button", name="Select all 250").click()
    table.page.get_by_role("button", name="Archive", exact=True).click()
    dialog = table.page.get_by_role("dialog", name="Archive 250 runs?")
    expect(dialog).to_contain_text("also those that are not shown")
    dialog.get_by_role("button", name="Leave them").click()
    assert total(api, filter="seed < 250") == 250
    everything.uncheck()
    for shown in (100, 150, 200, 250):
        table.page.get_by_role("button", name="Show more runs").click()
        expect(rows(table)).to_have_count(shown)
    everything.check()
    table.page.get_by_role("button", name="More actions").click()
    saved = table.page.get_by_role("menuitem", name="Download as CSV")
    expect(saved).to_contain_text("select all, or at most 200")
    expect(saved).to_have_attribute("aria-disabled", "true")


def test_archived_runs_are_away_and_come_back(table: Window, api: httpx.Client) -> None:
    table.page.goto("/?q=seed+%3D+470")
    expect_count(table, "1 run")
    table.page.locator(".runs tbody input[type=checkbox]").check()
    table.page.get_by_role("button", name="Archive", exact=True).click()
    expect(table.page.get_by_text("No run matches.")).to_be_visible()
    table.page.get_by_label("Archived", exact=True).select_option("Archived")
    expect_count(table, "1 run")
    table.page.locator(".runs tbody input[type=checkbox]").check()
    table.page.get_by_role("button", name="Unarchive", exact=True).click()
    expect(table.page.get_by_text("No run matches.")).to_be_visible()
    assert total(api, filter="seed = 470") == 1
