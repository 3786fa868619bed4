"""What every page has: the search for a run, the keyboard, the theme, the ways to other pages, the zone of times."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from system.browser.recording import Recorder
from system.browser.window import PHONE, Window, opened, rows

DARK, LIGHT = "rgb(12, 15, 20)", "rgb(245, 246, 248)"
# The colours of the page's ground in all frames until it has loaded.
GROUNDS = """
window.grounds = new Set();
(function look() {
  if (document.body) window.grounds.add(getComputedStyle(document.body).backgroundColor);
  if (document.readyState !== "complete") requestAnimationFrame(look);
})();
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(Settings(data_dir=tmp_path_factory.mktemp("lab"), port=0)) as address:
        yield address


@pytest.fixture(scope="module")
def ids(url: str) -> dict[str, str]:
    """Runs by name."""
    with httpx.Client(base_url=f"{url}/api/v1") as http:
        runs = {name: Recorder(http, name) for name in ("a small net", "a wide net", "something <b>else</b>")}
        runs["a wide net"].send(rows(1, [2.0, 1.0]))
    return {name: run.id for name, run in runs.items()}


@pytest.fixture
def page(window: Window, ids: dict[str, str]) -> Page:
    window.page.goto("/workers")
    expect(window.page.locator("connection-state")).to_have_attribute("data-state", "live")
    return window.page


def found(page: Page) -> list[str]:
    return page.locator("#found-runs .found-name").all_text_contents()


def test_a_run_is_found_from_any_page_by_keyboard_alone(page: Page, ids: dict[str, str]) -> None:
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name="Find a run")
    expect(field).to_be_focused()
    expect(page.get_by_role("option")).to_have_count(3)  # the latest ones, before anything is typed
    page.keyboard.type("net")
    expect(page.locator(".found [role=status]")).to_have_text("2 runs")
    assert found(page) == ["a wide net", "a small net"]
    expect(field).to_have_attribute("aria-expanded", "true")
    expect(field).to_have_attribute("aria-activedescendant", "found-run-0")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_contain_text("a small net")
    expect(field).to_have_attribute("aria-activedescendant", "found-run-1")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{ids['a small net']}")


def test_the_search_says_when_it_finds_nothing_and_closes(page: Page) -> None:
    field = page.get_by_role("combobox", name="Find a run")
    field.fill("zebra")
    expect(page.get_by_text("No run is called “zebra”.")).to_be_visible()
    expect(field).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Escape")
    expect(page.locator(".found")).to_be_hidden()
    field.fill("<b>")
    expect(page.get_by_role("option")).to_have_text("something <b>else</b>Runningp · o")
    page.get_by_role("heading", level=1).click()
    expect(page.locator(".found")).to_be_hidden()


def test_the_search_says_when_the_server_is_gone(browser: Browser, url: str, ids: dict[str, str]) -> None:
    with opened(browser, url) as window:  # which complains of the requests that fail
        window.page.goto("/workers")
        window.page.route("**/api/v1/runs*", lambda route: route.abort())
        window.page.get_by_role("combobox", name="Find a run").fill("net")
        expect(window.page.get_by_text("The server does not answer.")).to_be_visible()


def test_keys_lead_to_pages_and_are_listed(page: Page) -> None:
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_contain_text("g then cCompare")
    expect(dialog).to_contain_text("/Find a run")
    page.keyboard.press("n")  # not while a dialog is open
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url("**/compare")
    page.keyboard.press("n")
    page.wait_for_url("**/submit")


def test_keys_do_nothing_while_somebody_types_or_has_turned_them_off(page: Page) -> None:
    page.get_by_role("combobox", name="Find a run").press_sequentially("g c?n")
    expect(page.get_by_role("combobox", name="Find a run")).to_have_value("g c?n")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Keyboard").click()
    page.get_by_label("Use these keys on this computer").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.keyboard.press("?")  # the way back
    page.get_by_label("Use these keys on this computer").check()
    page.keyboard.press("Escape")
    assert page.url.endswith("/workers")
    page.keyboard.press("n")
    page.wait_for_url("**/submit")


def choose_theme(page: Page, theme: str) -> None:
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("menuitemradio", name=theme).click()


def test_a_theme_is_chosen_and_remembered_and_no_page_begins_in_the_other(
    page: Page, ids: dict[str, str]
) -> None:
    page.goto(f"/runs/{ids['a wide net']}")
    page.wait_for_function("() => 'loss' in window.drawn")
    ink = "getComputedStyle(document.querySelector('[data-figure=loss] .xtick text')).fill"
    choose_theme(page, "Dark")
    expect(page.locator("body")).to_have_css("background-color", DARK)
    page.wait_for_function(f"() => {ink} === 'rgb(188, 197, 210)'")  # what is drawn changes with it
    page.add_init_script(GROUNDS)
    for path in ("/", "/workers"):
        page.goto(path, wait_until="load")
        page.wait_for_function("() => window.grounds.size > 0")  # a busy machine draws late
        assert page.evaluate("[...window.grounds]") == [DARK]
    page.get_by_role("button", name="Theme").click()
    expect(page.get_by_role("menuitemradio", name="Dark")).to_be_checked()
    page.get_by_role("menuitemradio", name="As the system").click()
    expect(page.locator("body")).to_have_css("background-color", LIGHT)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("body")).to_have_css("background-color", DARK)
    choose_theme(page, "Light")
    expect(page.locator("body")).to_have_css("background-color", LIGHT)
    page.reload()
    page.wait_for_function("() => window.grounds.size > 0")
    assert page.evaluate("[...window.grounds]") == [LIGHT]


def test_a_phone_reaches_every_page(browser: Browser, url: str, ids: dict[str, str]) -> None:
    with opened(browser, url, size=PHONE, has_touch=True) as window:
        page = window.page
        page.goto("/")
        ways = page.get_by_role("navigation", name="Main").get_by_role("link")
        expect(ways).to_have_count(0)  # not in sight: they unfold
        page.get_by_role("button", name="Pages").tap()
        addresses = [way.get_attribute("href") for way in ways.all()]
        assert {"/", "/compare", "/workers"} <= {*addresses}
        page.keyboard.press("Escape")
        expect(ways).to_have_count(0)
        page.get_by_role("button", name="Pages").tap()
        page.get_by_role("link", name="Queue").tap()
        page.wait_for_url("**/workers")
        expect(page.get_by_role("link", name="New job")).to_be_visible()
        expect(page.get_by_role("combobox", name="Find a run")).to_be_visible()
        assert not window.complaints


def test_times_stand_in_the_readers_zone_which_is_named(
    browser: Browser, url: str, ids: dict[str, str]
) -> None:
    with opened(browser, url, timezone_id="Asia/Tokyo") as window:
        window.page.goto(f"/runs/{ids['a small net']}")
        expect(window.page.locator("time-zone")).to_have_text("Times in Asia/Tokyo (GMT+9)")
        expect(window.page.locator("run-header moment-text[as=age]").first).to_have_attribute(
            "title", re.compile(r"^\d{4}-\d\d-\d\d .* GMT\+9$")
        )


def test_who_comes_by_keyboard_skips_the_header(page: Page) -> None:
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
