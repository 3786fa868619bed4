"""Every page with real training in it, on a desktop and on a phone, light and dark; pictures stay in screenshots/."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from hessianfree_lab.client import Client
from system.browser.window import DESKTOP, NARROWEST, PHONE, Window, opened
from system.launch import launched, wait_until

AUTOENCODER: dict[str, Any] = {"problem": "digits-autoencoder", "seed": 1}
JOBS: dict[str, dict[str, Any]] = {
    "Autoencoder, Hessian-free": AUTOENCODER
    | {"budget": {"steps": 40}, "optimizer_params": {"cg_max_iter": 80}},
    "Autoencoder, Adam": AUTOENCODER | {"optimizer": "adam", "budget": {"steps": 400}},
    "Rosenbrock, Hessian-free": {"problem": "rosenbrock", "dtype": "float64", "budget": {"steps": 25}},
    "A learning rate of 1,000": {
        "problem": "quadratic",
        "optimizer": "sgd",
        "optimizer_params": {"lr": 1000.0},
        "tags": ["on purpose"],
    },
    "Autoencoder, L-BFGS": AUTOENCODER | {"optimizer": "lbfgs", "budget": {"steps": 100_000}},
    "Waits for the others": {"problem": "beale", "priority": -1},
}
ENDING = list(JOBS)[:4]
SIZES = {"desktop": DESKTOP, "phone": PHONE}
PAGES = ["runs", "run", "path", "failed", "compare", "submit", "workers", "missing", "empty-compare"]


@dataclass(frozen=True, kw_only=True)
class Studio:
    """A server with one worker, four runs that have ended, one that goes on and one that waits."""

    url: str
    ids: dict[str, str]

    def path(self, page: str) -> str:
        adam, hessian_free = self.ids["Autoencoder, Adam"], self.ids["Autoencoder, Hessian-free"]
        return {
            "runs": "/",
            "run": f"/runs/{hessian_free}",
            "path": f"/runs/{self.ids['Rosenbrock, Hessian-free']}",
            "failed": f"/runs/{self.ids['A learning rate of 1,000']}",
            "compare": f"/compare?runs={hessian_free},{adam},{self.ids['Autoencoder, L-BFGS']}&x=gradient_equivalents",
            "submit": "/submit",
            "workers": "/workers",
            "missing": "/runs/nothing-there",
            "empty-compare": "/compare",
        }[page]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("studio")
    with launched("up", "--port", "0", "--data-dir", folder / "data", output=folder / "up.log") as up:
        url = up.wait_for_url()
        with Client(url) as client:
            wait_until(lambda: bool(client.workers()), seconds=90, what="a worker registers")
            ids = {name: client.submit({"name": name} | spec).id for name, spec in JOBS.items()}
            wait_until(
                lambda: all(client.run(ids[name]).state in ("completed", "failed") for name in ENDING),
                seconds=200,
                what="the short jobs end",
            )
            goes_on = ids["Autoencoder, L-BFGS"]
            wait_until(lambda: client.run(goes_on).progress.step > 20, seconds=90, what="the long job begins")
            yield Studio(url=url, ids=ids)
            client.cancel(goes_on)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_fits_and_complains_of_nothing(
    browser: Browser, studio: Studio, size: str, scheme: str
) -> None:
    with opened(browser, studio.url, size=SIZES[size], scheme=scheme) as window:
        for page in PAGES:
            window.page.goto(studio.path(page))
            _settle(window, page)
            assert window.overflow() <= 0, page
            window.photograph(f"{page}-{size}-{scheme}")
        complaints = [text for text in window.complaints if "404" not in text]  # the page that is missing
        assert not complaints


def test_pages_fit_the_narrowest_phone(browser: Browser, studio: Studio) -> None:
    with opened(browser, studio.url, size=(NARROWEST, 780)) as window:
        for page in PAGES:
            window.page.goto(studio.path(page))
            _settle(window, page)
            assert window.overflow() <= 0, page


def test_nothing_moves_while_a_run_goes_on(browser: Browser, studio: Studio) -> None:
    with opened(browser, studio.url) as window:
        window.page.goto(f"/runs/{studio.ids['Autoencoder, L-BFGS']}")
        window.see_all()
        step = window.page.evaluate("window.drawn.loss.step")
        window.page.evaluate(
            """() => {
                 window.moved = 0;
                 new PerformanceObserver((list) => {
                   for (const shift of list.getEntries()) window.moved += shift.value;
                 }).observe({ type: "layout-shift" });
               }"""
        )
        window.wait_for_step("loss", step + 20)
        assert window.page.evaluate("window.moved") < 0.01


def _settle(window: Window, page: str) -> None:
    """Until everything on the page is there."""
    if page in ("run", "path", "failed", "compare"):
        window.see_all()
    if page == "missing":
        expect(window.page.get_by_text("There is no run")).to_be_visible()
    else:
        expect(window.page.locator("connection-state")).to_have_attribute("data-state", "live")
    expect(window.page.get_by_role("heading", level=1)).to_be_visible()
