"""A server with a token, as its visitor sees it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Browser, expect

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from system.browser.window import DESKTOP, PHONE, Window, opened

TOKEN = "correct horse"
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[str]:
    with running(Settings(data_dir=tmp_path / "lab", port=0, token=TOKEN)) as address:
        yield address


def sign_in(window: Window, token: str) -> None:
    window.page.get_by_label("Token").fill(token)
    window.page.keyboard.press("Enter")


def test_a_visitor_signs_in_arrives_where_he_wanted_and_signs_out(browser: Browser, guarded: str) -> None:
    with opened(browser, guarded) as window:
        window.page.goto("/workers")
        expect(window.page.get_by_role("heading", name="Sign in")).to_be_visible()
        sign_in(window, "wrong")
        field = window.page.get_by_label("Token")
        expect(field).to_have_accessible_description("That is not a valid token.")
        sign_in(window, TOKEN)
        window.page.wait_for_url("**/workers")
        expect(window.page.locator("connection-state")).to_have_text("Live")
        window.page.get_by_role("button", name="Sign out").click()
        expect(window.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_session_that_ends_leads_back_to_the_sign_in(browser: Browser, guarded: str) -> None:
    with opened(browser, guarded) as window:
        window.page.goto("/compare")
        sign_in(window, TOKEN)
        window.page.wait_for_url("**/compare")
        window.page.context.clear_cookies()
        # Not awaited: the answer takes the page away, and with it whoever waits in it.
        window.page.evaluate(
            "() => { import('/static/api.js').then((api) => api.get('/runs')).catch(() => null); }"
        )
        window.page.wait_for_url("**/login?next=%2Fcompare")


def test_a_reader_is_offered_nothing_to_change(browser: Browser, guarded: str) -> None:
    with httpx.Client(base_url=f"{guarded}/api/v1", headers={"Authorization": f"Bearer {TOKEN}"}) as http:
        run = http.post("/runs", json={"name": "shown"}).json()["id"]
        reader = http.post("/tokens", json={"name": "reader", "role": "read"}).json()["secret"]
        for token, is_offered in ((TOKEN, True), (reader, False)):
            with opened(browser, guarded) as window:
                window.page.goto(f"/runs/{run}")
                sign_in(window, token)
                expect(window.page.get_by_role("heading", name="shown")).to_be_visible()
                expect(window.page.locator("connection-state")).to_have_text("Live")
                for name in ("Cancel", "New job"):
                    offered = window.page.locator(".button", has_text=name).first
                    expect(offered).to_be_visible(visible=is_offered)
                window.page.keyboard.press("?")
                keys = window.page.get_by_role("dialog", name="Keyboard")
                expect(keys.get_by_text("New job")).to_have_count(int(is_offered))


@pytest.mark.parametrize("size", {"desktop": DESKTOP, "phone": PHONE}.items(), ids=lambda size: size[0])
def test_the_first_pages_a_newcomer_sees(
    browser: Browser, guarded: str, size: tuple[str, tuple[int, int]]
) -> None:
    name, pixels = size
    with opened(browser, guarded, size=pixels) as window:
        for page, path in {
            "sign-in": "/login",
            "empty-runs": "/",
            "empty-submit": "/submit",
            "empty-workers": "/workers",
        }.items():
            window.page.goto(path)
            if page != "sign-in":
                expect(window.page.locator("connection-state")).to_have_attribute("data-state", "live")
            expect(window.page.locator("main :is(h1, h2)").first).to_be_visible()
            assert window.overflow() <= 0, page
            for scheme in SCHEMES:
                window.page.emulate_media(color_scheme=scheme)
                window.photograph(f"{page}-{name}-{scheme}")
            if page == "sign-in":
                sign_in(window, TOKEN)
                window.page.wait_for_url(f"{guarded}/")
        assert not window.complaints
