"""Figures that grow: how long the page's longest task is, and whether its memory does."""

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import dashboard_pages as pages
import httpx
from dashboard_data import Lab
from playwright.sync_api import Browser, Page
from service_load import Row, Scene, server

ROWS_PER_SECOND = 10
SAMPLE_SECONDS = 10.0
SETTLED_MINUTES = 10
"""Figures grow until they have as many points as they may. After half of a time this long, nothing may grow."""


def live(lab: Lab, browser: Browser, *, minutes: float) -> list[Row]:
    """Each of as many figures as there are live runs gets a row every tenth of a second."""
    scene = Scene(name=f"{len(lab.live)} figures, {ROWS_PER_SECOND} rows/s each, {minutes:g} min")
    with server(lab.data) as started, pages.window(browser, started.url) as window:
        sources = [f"/api/v1/figures/metric?metric=loss&runs={run}" for run in lab.live]
        window.visit_charts(f"/compare?runs={','.join(lab.live)}", sources)
        window.page.wait_for_timeout(2000)
        window.page.evaluate("window.tasks = []")
        stop = threading.Event()
        writers = [
            threading.Thread(target=_write, args=(started.url, lab.live[half::2], stop)) for half in (0, 1)
        ]
        for writer in writers:
            writer.start()
        looks = []
        until = time.monotonic() + 60 * minutes
        while time.monotonic() < until:
            window.page.wait_for_timeout(1000 * min(SAMPLE_SECONDS, max(1.0, until - time.monotonic())))
            looks.append(_look(window.page))
        stop.set()
        for writer in writers:
            writer.join()
        longest = window.longest_task()
        lengths = window.page.evaluate(
            "[...document.querySelectorAll('live-figure')].map((f) => f.figure.data[0].customdata.at(-1))"
        )
        cpu = started.cpu_seconds() / (60 * minutes)
    scene.add("longest task", f"{longest:.0f} ms", "< 200 ms", met=longest < 200)
    if minutes >= SETTLED_MINUTES:
        settled = looks[len(looks) // 2 :]
        sixth = max(1, len(settled) // 3)
        before, after = _least(settled[:sixth]), _least(settled[-sixth:])
        for what in ("heap in MB", "DOM nodes", "listeners"):
            values = f"{before[what]:,.4g}, then {after[what]:,.4g}"
            scene.add(
                f"{what}, fourth and last sixth", values, "< 10 % more", met=after[what] < 1.1 * before[what]
            )
    scene.add(
        "heap in MB, first and last", f"{looks[0]['heap in MB']:.1f}, then {looks[-1]['heap in MB']:.1f}"
    )
    scene.add("steps drawn of each, least and most", f"{min(lengths):,}, {max(lengths):,}")
    scene.add("server's CPU, of one core", f"{100 * cpu:.0f} %")
    return scene.rows


def _write(url: str, runs: tuple[str, ...], stop: threading.Event) -> None:
    """A row of each run, ten times a second, as each would send it."""
    with httpx.Client(base_url=f"{url}/api/v1", timeout=30) as http:
        last = {run: http.get(f"/runs/{run}").json()["progress"]["step"] for run in runs}
        while not stop.is_set():
            began = time.monotonic()
            for run in runs:
                last[run] += 1
                step = {
                    "step": last[run],
                    "wall_time": datetime.now(UTC).isoformat(),
                    "seconds": last[run] / ROWS_PER_SECOND,
                    "metrics": {"loss": 1 + last[run] % 7 / 10},
                }
                http.post(f"/runs/{run}/records", json={"attempt": 1, "steps": [step]}).raise_for_status()
            stop.wait(max(0.0, 1 / ROWS_PER_SECOND - (time.monotonic() - began)))


def _look(page: Page) -> dict[str, float]:
    """What the page holds after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    heap = float(session.send("Runtime.getHeapUsage")["usedSize"]) / 2**20
    counters = session.send("Memory.getDOMCounters")
    session.detach()
    return {"heap in MB": heap, "DOM nodes": counters["nodes"], "listeners": counters["jsEventListeners"]}


def _least(looks: Sequence[dict[str, float]]) -> dict[str, float]:
    """The least of each, so that what a redraw under way holds does not count."""
    return {what: min(look[what] for look in looks) for what in looks[0]}
