"""Runs to compare in a browser, and what a test asks of their charts."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from playwright.sync_api import Page

from system.browser.recording import Recorder
from system.browser.window import Window, rows

CHART = "(metric) => { const plot = document.querySelector(`[data-metric='${metric}'] .plot`); return %s; }"
LONG = "a description that goes on and on " * 4


class Lab:
    """Two runs of each of two optimizers on two problems; the first of them goes on."""

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url, self.http = url, http
        self.runs = [
            self._run("first", "adam", "digits", [8.0, 4.0], lr=0.1),
            self._run("second", "adam", "digits", [7.0, 5.0, 3.0], lr=0.2, note=LONG),
            self._run("third", "newton", "digits", [8.0, 1.0], lr=0.1),
            self._run("fourth", "adam", "curves", [6.0, 5.0, 4.0, 1.0]),
            self._run("fifth", "newton", "curves", [6.0, 1.0]),
        ]
        for run in self.runs[1:]:
            run.finish()

    def _run(
        self, name: str, optimizer: str, problem: str, losses: list[float], **config: object
    ) -> Recorder:
        run = Recorder(
            self.http, name, optimizer=optimizer, problem=problem, config={"layers": [4, 2]} | config
        )
        run.send(rows(1, losses, gradient_norm=0.5))
        return run

    def address(self, *numbers: int, **query: str) -> str:
        runs = ",".join(self.runs[number].id for number in numbers)
        return f"/compare?runs={runs}" + "".join(f"&{key}={value}" for key, value in query.items())


def see(window: Window, address: str, metric: str = "loss") -> Page:
    window.page.goto(address)
    wait(window.page, "plot?.data?.length > 0", metric)
    return window.page


def chart(page: Page, expression: str, metric: str = "loss") -> Any:
    return page.evaluate(CHART % expression, metric)


def wait(page: Page, condition: str, metric: str = "loss") -> None:
    page.wait_for_function(CHART % condition, arg=metric)


def ys(page: Page, metric: str = "loss") -> list[list[float]]:
    found: list[list[float]] = chart(page, "plot.data.map(({ y }) => y)", metric)
    return found


def query(page: Page) -> dict[str, str]:
    found = parse_qs(urlsplit(page.url).query)
    return {key: values[0] for key, values in found.items() if key != "runs"}
