"""Tables of very many runs for browsers to look at, and what tests ask of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from many_runs import fill
from playwright.sync_api import Locator, expect

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from server.databases import database
from system.browser.window import Window


@contextmanager
def serving_runs(folder: Path, number: int, *, curves: int = 0) -> Iterator[str]:
    """The address of a server with `number` runs, the youngest `curves` of them with steps."""
    settings = Settings(data_dir=folder, port=0)
    with database(settings.url_of_database) as engine:
        fill(engine, number, metrics=4, keys=6, curves=curves)
    with running(settings) as address:
        yield address


def total(api: httpx.Client, **asked: str) -> int:
    found: int = api.get("/runs", params={"limit": 1, **asked}).json()["total"]
    return found


def rows(window: Window) -> Locator:
    return window.page.locator(".runs tbody tr")


def expect_count(window: Window, text: str) -> None:
    expect(window.page.locator("[data-part=count]")).to_have_text(text)
