"""The page of workers."""

import re

import httpx
from playwright.sync_api import expect

from system.browser.window import Window, rows

ENTRY = {"name": "tiny", "title": "Tiny", "description": "", "params_schema": {"properties": {}}}
ANNOUNCEMENT = {
    "name": "<b>mole</b>",
    "host": "burrow",
    "pid": 7,
    "devices": [{"name": "cuda:0", "title": "A fine card", "memory_bytes": 80 * 2**30}],
    "problems": [ENTRY],
    "optimizers": [ENTRY],
    "versions": {"torch": "2.13"},
}


def test_a_worker_comes_works_and_leaves_while_one_watches(window: Window, http: httpx.Client) -> None:
    page = window.page
    page.goto("/workers")
    expect(page.get_by_role("heading", name="No worker is here")).to_be_visible()
    expect(page.locator("connection-state")).to_have_text("Live")

    worker = http.post("/workers", json=ANNOUNCEMENT).json()["id"]
    card = page.locator("article.worker")
    expect(card).to_contain_text("<b>mole</b>")
    expect(card).to_contain_text("cuda:0: A fine card, 80 GiB")
    expect(card.locator(".worker-state")).to_have_text("Idle")
    footer = card.locator("footer")
    expect(footer).to_have_text(re.compile(r"^Seen \S.* · torch 2\.13$"))
    seen = http.get("/workers").json()["items"][0]["last_seen_at"]
    expect(footer.locator("moment-text")).to_have_attribute("at", seen)

    job = {"name": "dig", "problem": "tiny", "optimizer": "tiny", "budget": {"steps": 10}}
    run = http.post("/jobs", json=job).json()["id"]
    assert http.post(f"/workers/{worker}/claim", json={"wait_seconds": 1}).json()["run"] == run
    expect(card.locator(".worker-state")).to_have_text("Busy")
    link = card.get_by_role("link", name="dig")
    expect(link).to_have_attribute("href", f"/runs/{run}")
    link.focus()
    http.post(f"/runs/{run}/records", json={"attempt": 1, "steps": rows(1, [1.0] * 4)}).raise_for_status()
    expect(card).to_contain_text("4 / 10")
    assert card.locator("progress").evaluate("(bar) => bar.value") == 0.4
    expect(link).to_be_focused()

    http.delete(f"/workers/{worker}").raise_for_status()
    expect(card.locator(".worker-state")).to_have_text("Gone")
    expect(card).to_contain_text("It has left.")
