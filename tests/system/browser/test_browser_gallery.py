"""Every page with real training in it, on a desktop and on a phone, light and dark; pictures stay in screenshots/."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from hessianfree_lab.client import Client
from system.browser.studio import Studio, opened_studio
from system.browser.window import DESKTOP, NARROWEST, PHONE, Window, opened

SIZES = {"desktop": DESKTOP, "phone": PHONE}
PAGES = [
    "runs", "runs-groups", "run", "path", "failed", "compare", "sweeps", "sweep", "submit", "workers", "missing",
    "empty-compare", "report", "report-comparison",
]  # fmt: skip
PAINTED = """() => {
  const probe = document.body.appendChild(document.createElement("span"));
  probe.style.color = "var(--text-2)";
  const ink = getComputedStyle(probe).color;
  probe.remove();
  const ticks = [...document.querySelectorAll(".js-plotly-plot .xtick text")];
  return ticks.every((tick) => getComputedStyle(tick).fill === ink);
}"""
"""Whether all figures have the ink of the theme in force."""

FITS = "() => document.documentElement.scrollWidth <= innerWidth"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with opened_studio(tmp_path_factory.mktemp("studio")) as studio, Client(studio.url) as client:
        states = [client.run(run).state for run in studio.ids.values()]
        assert states == ["completed", "completed", "completed", "failed", "running"]
        yield studio


@pytest.mark.parametrize("size", SIZES)
def test_every_page_fits_and_complains_of_nothing(browser: Browser, studio: Studio, size: str) -> None:
    """Light and dark, and on the narrowest phone."""
    with opened(browser, studio.url, size=SIZES[size]) as window:
        for page in PAGES:
            window.page.goto(studio.path(page))
            _settle(window, page)
            assert window.overflow() <= 0, page
            window.photograph(f"{page}-{size}-light")
            window.page.emulate_media(color_scheme="dark")
            window.see_all()  # what is far from the window is not painted anew
            window.page.wait_for_function(PAINTED)
            window.photograph(f"{page}-{size}-dark")
            window.page.emulate_media(color_scheme="light")
            if size == "phone":
                window.page.set_viewport_size({"width": NARROWEST, "height": 780})
                window.page.wait_for_function(FITS)  # figures follow the window's width a little later
                window.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        complaints = [text for text in window.complaints if "404" not in text]  # the page that is missing
        assert not complaints


def _settle(window: Window, page: str) -> None:
    """Until everything on the page is there."""
    if page.startswith("report"):
        window.page.wait_for_function(
            "() => document.querySelectorAll('.js-plotly-plot').length === document.querySelectorAll('.plot').length"
        )
    elif page == "missing":
        expect(window.page.get_by_text("There is no run")).to_be_visible()
    else:
        expect(window.page.locator("connection-state")).to_have_attribute("data-state", "live")
        window.see_all()
    expect(window.page.get_by_role("heading", level=1)).to_be_visible()


def test_a_first_job_is_one_press_away(browser: Browser, studio: Studio) -> None:
    """On a phone, without scrolling: a problem is chosen, what few change is folded away, the button is in sight."""
    with opened(browser, studio.url, size=PHONE) as window:
        page = window.page
        page.goto("/submit")
        expect(page.get_by_role("radio", name="Digits autoencoder", exact=True)).to_be_checked()
        expect(page.get_by_role("button", name="Submit job")).to_be_in_viewport()
        expect(page.get_by_label("Trust radius", exact=True)).to_be_hidden()
        page.get_by_text(re.compile(r"^\d+ more settings$")).click()
        expect(page.get_by_label("Trust radius", exact=True)).to_be_visible()
        # What a job has changed is not folded away.
        page.goto(f"/submit?from={studio.ids['Autoencoder, Hessian-free']}")
        expect(page.get_by_label("Steps between slices")).to_be_visible()
        assert not window.complaints
