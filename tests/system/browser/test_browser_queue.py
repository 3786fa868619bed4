"""The queue: its order, moves by dragging and by keyboard, what runs, and who trains."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import delete, insert, select

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from hessianfree_lab.store import open_store
from hessianfree_lab.store.engine import WRITES, make_engine
from hessianfree_lab.store.tables import runs
from server.makers import announcement, spec, steps
from system.browser.test_browser_accessibility import violations
from system.browser.window import PHONE, Window, opened

MANY = 10_000
LATER = 20_000  # what is asked for now and then, and no event


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(Settings(data_dir=tmp_path_factory.mktemp("lab"), port=0, lease_seconds=600)) as url:
        yield url


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    """A client of a server with no worker, and nothing under way."""
    with httpx.Client(base_url=f"{address}/api/v1") as client:
        yield client
        for worker in client.get("/workers").json()["items"]:
            client.delete(f"/workers/{worker['id']}")
        for run in client.get("/jobs?limit=200").json()["items"]:
            client.post(f"/jobs/{run['id']}/cancel").raise_for_status()


@pytest.fixture
def desk(browser: Browser, address: str, http: httpx.Client) -> Iterator[Window]:
    with opened(browser, address) as window:
        yield window
        assert not window.complaints


def register(http: httpx.Client, **changes: Any) -> str:
    body = announcement(**changes).model_dump(mode="json")
    identity: str = http.post("/workers", json=body).raise_for_status().json()["id"]
    return identity


def queue(http: httpx.Client, *names: str, **changes: Any) -> list[str]:
    return [
        http.post("/jobs", json={"problem": "bowl", "name": name} | changes).raise_for_status().json()["id"]
        for name in names
    ]


def waiting(page: Page) -> Locator:
    return page.locator("queue-waiting tbody tr")


def names(page: Page) -> Locator:
    return page.locator("queue-waiting tbody [data-part=name]")


def test_jobs_are_put_in_order_by_buttons_and_by_dragging(desk: Window, http: httpx.Client) -> None:
    page = desk.page
    register(http)
    queue(http, "a", "b", "c", "d")
    page.goto("/workers")
    expect(names(page)).to_have_text(["a", "b", "c", "d"])
    assert violations(page) == []
    expect(page.get_by_role("button", name="Move up: a", exact=True)).to_be_disabled()
    expect(page.get_by_role("button", name="Move down: d", exact=True)).to_be_disabled()

    up = page.get_by_role("button", name="Move up: c", exact=True)
    up.focus()
    page.keyboard.press("Enter")
    expect(names(page)).to_have_text(["a", "c", "b", "d"])
    expect(page.locator("queue-waiting [role=status]")).to_have_text("c is number 2 of 4 now.")
    expect(up).to_be_focused()
    page.get_by_role("button", name="Move down: a", exact=True).press("Enter")
    expect(names(page)).to_have_text(["c", "a", "b", "d"])
    page.get_by_role("button", name="Move to the top: d", exact=True).press("Enter")
    expect(names(page)).to_have_text(["d", "c", "a", "b"])

    def middle(row: int) -> tuple[float, float]:
        box = waiting(page).nth(row).locator(".queue-handle").bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    page.mouse.move(*middle(0))
    page.mouse.down()
    x, y = middle(2)
    page.mouse.move(x, y + 8, steps=5)
    expect(waiting(page).nth(3)).to_have_attribute("data-drop", "before")
    page.mouse.up()
    expect(names(page)).to_have_text(["c", "a", "d", "b"])
    expect(page.locator("queue-waiting [role=status]")).to_have_text("d is number 3 of 4 now.")
    assert [place["run"]["name"] for place in http.get("/queue").json()["items"]] == ["c", "a", "d", "b"]

    page.mouse.move(*middle(3))
    page.mouse.down()
    page.mouse.move(*middle(0), steps=3)
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(waiting(page).locator("[data-drop]")).to_have_count(0)
    page.reload()
    expect(names(page)).to_have_text(["c", "a", "d", "b"])


def test_jobs_come_are_claimed_held_back_and_cancelled_while_one_watches(
    desk: Window, http: httpx.Client
) -> None:
    page = desk.page
    page.goto("/workers")
    expect(page.get_by_text("No job waits.")).to_be_visible()
    expect(page.get_by_text("Nothing is being trained.")).to_be_visible()
    expect(page.locator("connection-state")).to_have_text("Live")
    http.delete(f"/workers/{register(http)}").raise_for_status()  # what it trains stays known
    (first,) = queue(http, "first")
    expect(waiting(page)).to_contain_text("no worker can")
    worker = register(http, name="mole")
    expect(waiting(page)).to_contain_text("at once")
    queue(http, "second", "third", "fourth")
    expect(names(page)).to_have_text(["first", "second", "third", "fourth"])

    http.post(f"/workers/{worker}/claim", json={}).raise_for_status()
    expect(names(page)).to_have_text(["second", "third", "fourth"])
    under_way = page.locator("queue-running tbody tr")
    expect(under_way).to_contain_text("mole")
    records = steps(1, 41).model_dump(mode="json", exclude_defaults=True) | {"attempt": 1}
    http.post(f"/runs/{first}/records", json=records).raise_for_status()
    expect(under_way).to_contain_text("41 / 100")
    expect(under_way.locator("[data-part=eta]")).to_have_text("59 s")
    expect(waiting(page).first).to_contain_text("in about 59 s", timeout=LATER)

    page.get_by_role("button", name="Pause: third").click()
    expect(names(page)).to_have_text(["second", "fourth"])
    expect(under_way.nth(1)).to_contain_text("Paused")
    page.get_by_role("button", name="Resume: third").click()
    expect(names(page)).to_have_text(["second", "third", "fourth"])
    page.get_by_role("button", name="Cancel: third").click()
    dialog = page.get_by_role("dialog", name="Cancel third?")
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Cancel: third").click()
    dialog.get_by_role("button", name="Cancel job").click()
    expect(names(page)).to_have_text(["second", "fourth"])
    page.get_by_role("button", name="Cancel: first").click()
    page.get_by_role("button", name="Cancel job").click()
    expect(under_way.locator("state-badge")).to_have_text("Stopping")


def test_a_move_that_comes_too_late_is_said_and_put_right(
    browser: Browser, address: str, http: httpx.Client
) -> None:
    worker = register(http)
    queue(http, "a", "b", "c")
    with opened(browser, address) as window:
        page = window.page
        page.goto("/workers")
        expect(names(page)).to_have_text(["a", "b", "c"])
        page.route("**/api/v1/events**", lambda route: route.abort())
        page.reload()
        http.post(f"/workers/{worker}/claim", json={}).raise_for_status()  # the page does not hear of it
        expect(names(page)).to_have_text(["a", "b", "c"])
        page.get_by_role("button", name="Move up: b", exact=True).click()
        expect(page.locator("queue-waiting [role=alert]")).to_contain_text(
            "(a) is running: only a queued job"
        )
        expect(names(page)).to_have_text(["b", "c"])


def test_workers_show_their_load_and_fold_away_when_they_are_gone(desk: Window, http: httpx.Client) -> None:
    page = desk.page
    card_of_gpu = {"name": "cuda:0", "title": "A fine card", "memory_bytes": 80 * 2**30}
    worker = register(http, name="shrew", devices=[card_of_gpu])
    load = {
        "device": "cuda:0",
        "memory_used_bytes": 20 * 2**30,
        "memory_total_bytes": 80 * 2**30,
        "utilisation": 0.5,
        "temperature_celsius": 61,
        "power_watts": 412.5,
        "power_limit_watts": 700,
    }
    http.post(f"/workers/{worker}/heartbeat", json={"load": [load]}).raise_for_status()
    page.goto("/workers")
    card = page.locator("article.worker", has_text="shrew")
    memory, busy = card.get_by_role("meter", name="Memory"), card.get_by_role("meter", name="Load")
    expect(memory).to_have_attribute("aria-valuetext", "20 GiB of 80 GiB")
    expect(memory).to_have_attribute("aria-valuenow", "25")
    expect(busy).to_have_attribute("aria-valuetext", "50 %")
    heat, note = card.locator("[data-part=heat]"), card.locator("[data-part=note]")
    expect(heat).to_have_text("61 °C, 413 of 700 W")
    expect(note).to_be_hidden()
    later = load | {
        "utilisation": 1.0,
        "temperature_celsius": None,
        "power_watts": None,
        "note": "GPU is lost.",
    }
    http.post(f"/workers/{worker}/heartbeat", json={"load": [later]}).raise_for_status()
    expect(busy).to_have_attribute("aria-valuetext", "100 %", timeout=LATER)
    expect(heat).to_be_hidden()
    expect(note).to_have_text("No job starts on it: GPU is lost.")
    http.delete(f"/workers/{worker}").raise_for_status()
    expect(card).to_be_hidden()
    page.locator("[data-part=gone-title]").click()
    expect(card.locator(".worker-state")).to_have_text("Gone")
    register(http, name="badger")
    expect(page.locator("article.worker", has_text="badger").locator(".worker-state")).to_have_text("Idle")
    expect(card).to_be_visible()  # what was folded out stays so


def test_a_queue_of_thousands_comes_in_pages(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = Settings(data_dir=tmp_path_factory.mktemp("many"), port=0, lease_seconds=600)
    fill(settings, MANY)
    with running(settings) as url, opened(browser, url) as window:
        page = window.page
        page.goto("/workers")
        expect(page.locator("[data-part=range]")).to_have_text("1–50 of 10\u202f000")
        expect(waiting(page)).to_have_count(50)
        page.get_by_role("button", name="Next").click()
        expect(page.locator("[data-part=range]")).to_have_text("51–100 of 10\u202f000")
        expect(page).to_have_url(f"{url}/workers?start=51")
        expect(names(page).first).to_have_text("job 50")
        page.get_by_role("button", name="Move up: job 50", exact=True).click()  # to the page before
        expect(names(page).first).to_have_text("job 49")
        page.go_back()
        expect(page.locator("[data-part=range]")).to_have_text("1–50 of 10\u202f000")
        expect(names(page).last).to_have_text("job 50")
        page.goto("/workers?start=9951")
        expect(names(page).last).to_have_text(f"job {MANY - 1}")
        expect(page.get_by_role("button", name="Next")).to_be_disabled()


def test_the_queue_is_put_in_order_on_a_phone(browser: Browser, address: str, http: httpx.Client) -> None:
    register(http, name="a-worker-with-a-long-name-that-has-to-be-broken-somewhere")
    queue(http, "a job with a name that is much too long for the width of a phone", "b")
    with opened(browser, address, size=PHONE, scheme="dark") as window:
        page = window.page
        page.goto("/workers")
        expect(waiting(page)).to_have_count(2)
        assert window.overflow() <= 0
        assert violations(page) == []
        page.get_by_role("button", name="Move up: b", exact=True).click()
        expect(names(page).first).to_have_text("b")


def fill(settings: Settings, count: int) -> None:
    """Leave so many queued jobs in the database, in one statement: as many submissions would take minutes."""
    store = open_store(settings.url_of_database)
    store.add_worker(announcement())
    store.add_job(spec(name="job 0"))
    store.close()
    engine = make_engine(settings.url_of_database)
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        row = dict(connection.execute(select(runs)).mappings().one())
        copies = [row | {"id": f"{row['id'][:-8]}{n:08x}", "name": f"job {n}"} for n in range(1, count)]
        connection.execute(delete(runs))
        connection.execute(insert(runs), [row | {"id": f"{row['id'][:-8]}{0:08x}"}, *copies])
    engine.dispose()
