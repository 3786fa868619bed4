"""The event stream of a page: given up where nobody looks, refused where too many are open, too late for some news."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from system.browser.recording import Recorder
from system.browser.window import opened, rows

SEEN = """(isSeen) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => !isSeen });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that allows its readers a single stream."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("lab"), port=0, streams_a_client=1)
    with running(settings) as address:
        yield address


def expect_live_soon(page: Page) -> None:
    """Until the stream is open, however long the page wants to wait before it asks again."""
    for _ in range(20):
        if page.locator("connection-state").get_attribute("data-state") == "live":
            return
        page.clock.fast_forward(5_000)
        page.wait_for_timeout(100)
    pytest.fail("The page does not become live.")


def test_a_hidden_page_leaves_its_connection_to_others_and_misses_nothing(browser: Browser, lab: str) -> None:
    with httpx.Client(base_url=f"{lab}/api/v1") as http, opened(browser, lab) as window:
        run = Recorder(http, "watched")
        run.send(rows(1, [4.0]))
        window.page.clock.install()
        window.page.goto(f"/runs/{run.id}")
        expect(window.page.locator("connection-state")).to_have_text("Live")
        window.wait_for_step("loss", 1)
        with opened(browser, lab) as second:
            second.page.clock.install()
            second.page.goto("/")
            expect(second.page.locator("connection-state")).to_have_text("Too many open pages")
            expect(second.page.get_by_text("Too many pages of this server are open")).to_be_visible()
            window.page.evaluate(SEEN, False)
            window.page.clock.fast_forward(6_000)
            expect_live_soon(second.page)
            run.send(rows(2, [2.0]))
        window.page.evaluate(SEEN, True)
        expect_live_soon(window.page)
        window.wait_for_step("loss", 2)
        assert window.line("loss") == [[1, 2], [4, 2]]


def test_a_page_that_missed_too_much_is_loaded_anew_unless_its_reader_is_in_the_middle_of_something(
    browser: Browser, tmp_path: Path
) -> None:
    with running(Settings(data_dir=tmp_path, port=0)) as address, opened(browser, address) as window:
        page, held = window.page, list[Route]()
        httpx.post(f"{address}/api/v1/runs", json={"name": "a run"}).raise_for_status()
        page.route("**/api/v1/events*", lambda route: held.append(route))
        page.goto("/")
        page.evaluate("window.isOld = true")
        page.get_by_label("Filter by").fill("a r")
        expect(page.locator(".runs tbody tr")).to_have_count(1)
        with page.expect_request(lambda request: "/api/v1/runs?" in request.url):
            miss(held)
        assert page.evaluate("window.isOld")
        page.wait_for_function(
            "() => document.querySelector('connection-state').dataset.state === 'reconnecting'"
        )
        while not held:
            page.wait_for_timeout(50)
        page.get_by_label("Filter by").blur()
        miss(held)
        page.wait_for_function("() => !window.isOld")
        page.unroute_all(behavior="ignoreErrors")
        page.goto("/")
        expect(page.locator("connection-state")).to_have_text("Live")
        # Back from the browser's cache of pages, it takes up its stream again: one, not two.
        page.evaluate(
            """() => {
                 window.news = 0;
                 document.addEventListener("stream:run", () => (window.news += 1));
                 dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
               }"""
        )
        page.wait_for_timeout(300)
        httpx.post(f"{address}/api/v1/runs", json={"name": "another"}).raise_for_status()
        page.wait_for_function("() => window.news > 0")
        page.wait_for_timeout(400)
        assert page.evaluate("window.news") == 1


def miss(held: list[Route]) -> None:
    """Answer a stream as the server does where the latest events are not all there any more."""
    held.pop().fulfill(content_type="text/event-stream", body="id: 1\n\nevent: reset\ndata: {}\n\n")
