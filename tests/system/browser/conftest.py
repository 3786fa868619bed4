"""A browser, and servers for it to look at."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from system.browser.comparing import Lab
from system.browser.many import serving_runs
from system.browser.window import PATIENCE_MILLISECONDS, Window, opened

# The first is made for use without a screen and takes the least time; the others show the same.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]


# Of a module each: while playwright runs, no other test of this thread can run an event loop of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Its absence fails: a dashboard that nobody looked at is not tested."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail(
            f"The browser tests need Chromium: none of {', '.join(NAMES)} is there. `make chromium` installs it."
        )
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A server with nothing in it."""
    with running(Settings(data_dir=tmp_path / "lab", port=0)) as address:
        yield address


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{url}/api/v1") as client:
        yield client


@pytest.fixture
def window(browser: Browser, url: str) -> Iterator[Window]:
    """A desktop window; whatever its page complains about fails the test."""
    with opened(browser, url) as window:
        yield window
        assert not window.complaints


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server with runs to compare."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("lab"), port=0)
    with running(settings) as address, httpx.Client(base_url=f"{address}/api/v1") as http:
        yield Lab(address, http)


@pytest.fixture
def comparison(browser: Browser, lab: Lab) -> Iterator[Window]:
    """A desktop window on those; whatever its page complains about fails the test."""
    with opened(browser, lab.url) as window:
        yield window
        assert not window.complaints


@pytest.fixture(scope="module")
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with as many runs as the module says by RUNS; CURVES of them have steps."""
    module = request.module
    with serving_runs(tmp_path_factory.mktemp("lab"), module.RUNS, curves=module.CURVES) as address:
        yield address


@pytest.fixture
def api(filled: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{filled}/api/v1") as client:
        yield client


@pytest.fixture
def table(browser: Browser, filled: str) -> Iterator[Window]:
    """A desktop window on those runs; whatever its page complains about fails the test."""
    with opened(browser, filled) as window:
        yield window
        assert not window.complaints
