"""The dashboard's pages as the benchmark sees them: by figures that say that they are drawn, whatever else is there."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, Page, Response, Route

WATCH = """
window.drawn = {};
window.tasks = [];
document.addEventListener("figure:drawn", ({ target }) => {
  // What is drawn now is painted with the next frame. A page that compares has a figure for each of many metrics.
  const { metric, figure } = target.dataset;
  requestAnimationFrame(() => setTimeout(() => { window.drawn[metric ?? figure] = performance.now(); }));
});
new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) window.tasks.push([startTime, duration]);
}).observe({ type: "longtask", buffered: true });
"""
CARD = """<live-figure class="card figure" data-figure="chart-{number}" src="{src}">
  <div class="figure-head"><h2 data-part="title"></h2></div>
  <div class="plot-frame"><div class="plot"></div><p class="plot-message" role="status" hidden></p></div>
</live-figure>"""
WIDTH, HEIGHT = 1280, 900
HEIGHT_OF_CHART = 220
"""Of a window in which all figures are seen at once, two in a row."""


@dataclass(frozen=True, kw_only=True)
class Window:
    page: Page

    def visit(self, path: str, figures: Sequence[str]) -> float:
        """Milliseconds from the navigation until these figures are painted; without any, until the page is loaded."""
        self.page.goto(path, wait_until="load")
        if not figures:
            loaded: float = self.page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
            return loaded
        return self._painted(figures)

    def visit_compare(self, runs: Sequence[str], metrics: Sequence[str]) -> float:
        """Milliseconds until the charts of all these metrics are painted, in a window in which all are seen."""
        self.page.set_viewport_size({"width": WIDTH, "height": 400 + HEIGHT_OF_CHART * len(metrics)})
        self.page.goto(f"/compare?runs={','.join(runs)}&metrics={','.join(metrics)}", wait_until="load")
        return self._painted(metrics)

    def visit_charts(self, path: str, sources: Sequence[str]) -> float:
        """Milliseconds until all of these figures are painted, in a page like that at `path` but with nothing else."""
        cards = "\n".join(
            CARD.format(number=n, src=src.replace("&", "&amp;")) for n, src in enumerate(sources)
        )

        def fulfil(route: Route) -> None:
            answer = route.fetch()
            inside = f'<div class="figures">{cards}</div>'
            text, replaced = re.subn(
                r"(<main[^>]*>).*(</main>)", lambda m: m[1] + inside + m[2], answer.text(), flags=re.DOTALL
            )
            if not replaced:
                raise SystemExit(f"{path} has no <main>")
            route.fulfill(response=answer, body=text)

        self.page.set_viewport_size({"width": WIDTH, "height": 300 + HEIGHT_OF_CHART * len(sources)})
        self.page.route(f"**{path.split('?')[0]}?*", fulfil)
        try:
            self.page.goto(path, wait_until="load")
            return self._painted([f"chart-{number}" for number in range(len(sources))])
        finally:
            self.page.unroute_all(behavior="wait")

    def shrink(self) -> None:
        """Back to a window of usual height."""
        self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})

    def zoom(self, figure: str, start: int, stop: int) -> float:
        """Milliseconds from a zoom until what it asked for is painted."""
        taken: float = self.page.evaluate(
            """async ([name, zoom]) => {
                 const figure = document.querySelector(`[data-figure='${name}']`);
                 const began = performance.now();
                 const drawn = new Promise((done) => figure.addEventListener("figure:drawn", done, { once: true }));
                 figure.setAttribute("zoom", zoom);
                 await drawn;
                 await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
                 return performance.now() - began;
               }""",
            [figure, f"{start},{stop}"],
        )
        return taken

    def longest_task(self) -> float:
        """Of the main thread, in milliseconds, since the page was opened; 0: none above 50."""
        longest: float = self.page.evaluate("Math.max(0, ...window.tasks.map(([, duration]) => duration))")
        return longest

    def bodies(self, path: str, figures: Sequence[str]) -> dict[str, bytes]:
        """What a visit loads, by address."""
        seen: list[Response] = []
        self.page.on("response", lambda answer: seen.append(answer))
        self.visit(path, figures)
        self.page.wait_for_timeout(500)
        return {
            answer.url: answer.body()
            for answer in seen
            if answer.ok and "event-stream" not in answer.headers.get("content-type", "")
        }

    def _painted(self, figures: Sequence[str]) -> float:
        self.page.wait_for_function(
            "(names) => names.every((name) => name in window.drawn)", arg=list(figures)
        )
        at: float = self.page.evaluate(
            "(names) => Math.max(...names.map((name) => window.drawn[name]))", list(figures)
        )
        return at


@contextmanager
def window(browser: Browser, url: str) -> Iterator[Window]:
    """A fresh session of the browser."""
    session = browser.new_context(base_url=url, viewport={"width": WIDTH, "height": HEIGHT})
    session.set_default_timeout(60_000)
    page = session.new_page()
    page.add_init_script(WATCH)
    try:
        yield Window(page=page)
    finally:
        session.close()
