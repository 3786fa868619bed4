"""What the dashboard bears: a million points, many charts, many runs, and figures that grow for as long as one likes.

    python benchmarks/dashboard.py [--parts server,browser,visit,live] [--minutes 1] [--runs 10000] [--data DIR]
                                   [--write docs/dashboard-speed.md]

The server is a process of its own on SQLite; Chromium looks at it through Playwright on the same machine, its cache
warm as on every visit but the first. `--data` keeps the database, which takes minutes to fill, for the next time.
"""

import argparse
import gzip
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import dashboard_pages as pages
import httpx
from dashboard_data import METRICS, STEPS, Lab, fill
from dashboard_live import live
from machine import processor
from playwright.sync_api import Browser, sync_playwright
from service_load import Row, Scene, server

LIVE = 20
PARTS = ("server", "browser", "visit", "live")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"]


def median_ms(rounds: int, act: Callable[[], object]) -> float:
    """Of the time that `act` takes."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


def _add(scene: Scene, measured: str, value: float, most: float | None = None, unit: str = "ms") -> None:
    target = "" if most is None else f"< {most:,.0f} {unit}"
    met = None if most is None else value < most
    scene.add(measured, f"{value:,.0f} {unit}", target, met=met)


def answers(lab: Lab) -> list[Row]:
    """The server alone: one request after the other."""
    scene = Scene(name="server")
    figure = f"/api/v1/figures/loss?runs={lab.long}"
    cold = []
    for _ in range(3):
        with server(lab.data) as started, httpx.Client(base_url=started.url, timeout=60) as http:
            # Another run's figure first: what a process does once in its life is not counted.
            http.get(f"/api/v1/figures/loss?runs={lab.hundred[-1]}").raise_for_status()
            cold.append(median_ms(1, lambda http=http: http.get(figure).raise_for_status()))
    _add(scene, "figure of 1,000,000 points, cold", statistics.median(cold), 300)
    with server(lab.data) as started, httpx.Client(base_url=started.url, timeout=60) as http:

        def ask(path: str) -> Callable[[], object]:
            http.get(path).raise_for_status()
            return lambda: http.get(path).raise_for_status()

        _add(scene, "figure of 1,000,000 points, warm", median_ms(20, ask(figure)), 60)
        places = iter(range(100_000, 900_000, 10_000))

        def zoom() -> None:
            start = next(places)
            http.get(f"{figure}&start={start}&stop={start + 50_000}").raise_for_status()

        _add(scene, "its zoom to 50,000 points, cold", median_ms(9, zoom))
        hundred = f"/api/v1/figures/metric?metric=loss&runs={','.join(lab.hundred)}"
        _add(scene, "figure of 100 runs, first", median_ms(1, lambda: http.get(hundred).raise_for_status()))
        _add(scene, "figure of 100 runs, again", median_ms(5, ask(hundred)))
        table = f"table of {lab.runs:,} runs"
        _add(scene, f"{table}, page", median_ms(9, ask("/")), 150)
        _add(scene, f"{table}, next 100 of them", median_ms(9, ask("/api/v1/runs?limit=100")), 150)
        by_loss = "/api/v1/runs?limit=100&sort=loss.min"
        _add(scene, f"{table}, 100 by least loss", median_ms(9, ask(by_loss)), 150)
    return scene.rows


def painted(lab: Lab, browser: Browser) -> list[Row]:
    """From the click to the picture, in a window that has been here before."""
    scene = Scene(name="browser")
    with server(lab.data) as started, pages.window(browser, started.url) as window:
        window.visit(f"/runs/{lab.long}", ["loss"])  # fills the cache
        run_page = [window.visit(f"/runs/{lab.long}", ["loss"]) for _ in range(5)]
        _add(scene, "run page, 1,000,000 points painted", statistics.median(run_page), 1000)
        zooms = [window.zoom("loss", at, at + 20_000) for at in range(100_000, 900_000, 90_000)]
        _add(scene, "zoom redrawn", statistics.median(zooms), 300)
        metrics = ("loss", *METRICS)
        for number in (4, len(metrics)):
            charts = [window.visit_compare(lab.ten, metrics[:number]) for _ in range(5)]
            most = 2000 if number == len(metrics) else None
            measured = f"compare, {number} charts x 10 runs x {STEPS[1]:,} steps"
            _add(scene, measured, statistics.median(charts), most)
            _add(scene, "longest task of it", window.longest_task())
        window.shrink()
        hundred = f"/compare?runs={','.join(lab.hundred)}"
        compare = [window.visit(hundred, ["loss"]) for _ in range(3)]
        _add(scene, "compare of 100 runs", statistics.median(compare), 2000)
        _add(scene, "longest task of it", window.longest_task())
        table = [window.visit("/", []) for _ in range(5)]
        _add(scene, f"table of {lab.runs:,} runs, loaded", statistics.median(table))
    return scene.rows


def sizes(lab: Lab, browser: Browser) -> list[Row]:
    """What a first visit loads, but for plotly.js, which is kept for good."""
    scene = Scene(name="first visit")
    with server(lab.data) as started:
        for name, path, figures in (("table", "/", []), ("run", f"/runs/{lab.long}", ["loss"])):
            with pages.window(browser, started.url) as window:
                bodies = window.bodies(path, figures)
            apart = {url: body for url, body in bodies.items() if "plotly" not in url}
            packed = sum(len(gzip.compress(body, 6)) for body in apart.values()) / 2**20
            met = packed < 1.5
            scene.add(f"{name} page, {len(apart)} files, gzipped", f"{packed:.2f} MB", "< 1.5 MB", met=met)
    return scene.rows


@contextmanager
def _lab(options: argparse.Namespace) -> Iterator[Lab]:
    """The filled database, kept where the options say so."""
    with tempfile.TemporaryDirectory() as scratch:
        data = options.data or Path(scratch) / "lab"
        known = data / "lab.json"
        if not known.exists():
            print("filling the database ...", flush=True)
            lab = fill(data, runs=options.runs, live=LIVE)
            known.write_text(json.dumps(asdict(lab) | {"data": str(data)}), encoding="utf-8")
        found = json.loads(known.read_text(encoding="utf-8"))
        lists = {name: tuple(found[name]) for name in ("ten", "hundred", "live")}
        yield Lab(data=data, long=found["long"], runs=found["runs"], **lists)


_HEAD = """# The dashboard's {what}, measured

`benchmarks/dashboard.py` fills a database through the store (a run of 1,000,000 steps, ten of 10,000 steps with
ten metrics, ninety of 1,000, and short ones up to 10,000 runs), starts the server as a process of its own, and
looks at it with Chromium through Playwright on the same machine. Cold is the first request for the series after
the server has started. Painted is from navigation to the frame after the figure was drawn, with a warm browser
cache; of the compare page, to that frame of the last of its charts, in a window in which all of them are seen,
the legend and the tables around them drawn too. The 20 live figures stand alone on their page: each gets ten rows
a second of a run of its own, one row a request. The heap is what the page's scripts hold after a collection.
Repeat it with
"""


def markdown(rows: Sequence[Row], loads: tuple[float, float], command: str, *, what: str = "speed") -> str:
    """The page: when and where it was measured, how to repeat it, and the table. `loads`: before and after."""
    where = f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {where}, load {loads[0]:.1f} before and {loads[1]:.1f} after."
    if max(loads) > 4 * (os.cpu_count() or 1):
        when += " Other work was waiting for the processors all the while: times are several times as long as alone."
    head = ["", "measured", "value", "target", "met"]
    cells = [head, ["---"] * len(head), *(row.cells() for row in rows)]
    table = "\n".join("| " + " | ".join(row) + " |" for row in cells)
    return f"{_HEAD.format(what=what)}\n    {command}\n\n{when}\n\n{table}\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--parts", default=",".join(PARTS), help="which of them (default: all)")
    arguments.add_argument("--minutes", type=float, default=1.0, help="of live figures (default: 1)")
    arguments.add_argument("--runs", type=int, default=10_000, help="in the table (default: 10000)")
    arguments.add_argument("--data", type=Path, metavar="DIR", help="where the database is kept")
    arguments.add_argument("--write", type=Path, metavar="FILE")
    options = arguments.parse_args()
    parts = [part for part in PARTS if part in options.parts.split(",")]
    load = os.getloadavg()[0]
    found = shutil.which("chromium") or shutil.which("google-chrome")
    with _lab(options) as lab, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        take = {
            "server": lambda: answers(lab),
            "browser": lambda: painted(lab, browser),
            "visit": lambda: sizes(lab, browser),
            "live": lambda: live(lab, browser, minutes=options.minutes),
        }
        rows = [row for part in parts for row in take[part]()]
        browser.close()
    command = "python benchmarks/dashboard.py"
    if len(parts) < len(PARTS):
        command += f" --parts {','.join(parts)}"
    command += f" --minutes {options.minutes:g}"
    text = markdown(
        rows, (load, os.getloadavg()[0]), f"{command} --write {options.write}" if options.write else command
    )
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
