"""A browser's window on the dashboard, and what a test asks of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

SCREENSHOTS = Path(__file__).parents[3] / "screenshots"
DESKTOP = (1280, 900)
PHONE = (390, 844)
NARROWEST = 360
PATIENCE_MILLISECONDS = 60_000  # a busy machine may take long to load a page

_idle: WeakKeyDictionary[Browser, dict[str, BrowserContext]] = WeakKeyDictionary()
"""Sessions that no test uses now, by their options."""

# Every figure says what it has drawn; the last word of each is kept, with the time it was said.
WATCH = """
window.drawn = {};
document.addEventListener("figure:drawn", (event) => {
  const figure = event.target.dataset.figure;
  const at = performance.timeOrigin + performance.now();
  const { step } = event.detail;
  const first = window.drawn[figure]?.first ?? {};
  if (!(step in first)) first[step] = at;
  window.drawn[figure] = { step, first, count: (window.drawn[figure]?.count ?? 0) + 1 };
});
"""


ABOUT_PLOT = (
    "(figure) => { const plot = document.querySelector(`[data-figure='${figure}'] .plot`); return %s; }"
)


@dataclass(frozen=True, kw_only=True)
class Window:
    """A page, and everything it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def wait_for_step(self, figure: str, step: int) -> None:
        """Until the figure has drawn the step."""
        self.page.wait_for_function(
            "([figure, step]) => (window.drawn[figure]?.step ?? 0) >= step", arg=[figure, step]
        )

    def wait_for_figure(self, figure: str) -> None:
        self.page.wait_for_function("(figure) => figure in window.drawn", arg=figure)

    def plot(self, figure: str, expression: str) -> Any:
        """A JavaScript expression about the figure's `plot`: its data, its layout."""
        return self.page.evaluate(ABOUT_PLOT % expression, figure)

    def wait_for_plot(self, figure: str, condition: str) -> None:
        """Until an expression about the figure's `plot` holds."""
        self.page.wait_for_function(ABOUT_PLOT % condition, arg=figure)

    def line(self, figure: str, number: int = 0) -> list[list[float | None]]:
        """x and y of a trace that is drawn."""
        points: list[list[float | None]] = self.plot(
            figure, f"[plot.data[{number}].x, plot.data[{number}].y]"
        )
        return points

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        wider: int = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return wider

    def see_all(self) -> None:
        """Scroll to the end and back, so that everything below the window is drawn as well."""
        self.page.evaluate(
            """async () => {
                 const frame = () => new Promise(requestAnimationFrame);
                 for (let top = 0; top < document.documentElement.scrollHeight; top += innerHeight / 2) {
                   scrollTo(0, top);
                   // In the second one it is known what came into the window with the first.
                   await frame();
                   await frame();
                 }
                 scrollTo(0, 0);
               }"""
        )
        self.page.wait_for_function(
            """() => [...document.querySelectorAll("live-figure")]
                 .filter((figure) => figure.offsetParent !== null)
                 .every((figure) => figure.dataset.figure in window.drawn)"""
        )

    def photograph(self, name: str) -> None:
        """Leave a picture of the whole page in screenshots/."""
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@contextmanager
def opened(
    browser: Browser, url: str, *, size: tuple[int, int] = DESKTOP, scheme: Any = "light", **context: Any
) -> Iterator[Window]:
    """A page of a browser's session on `url` that knows nothing of earlier ones, but for what the session has cached.

    A session keeps the scripts of its server, compiled, and its first page: a window that closes is made anew for the
    next page, which costs more than the page.
    """
    width, height = size
    options = {
        "viewport": {"width": width, "height": height},
        "color_scheme": scheme,
        "base_url": url,
        **context,
    }
    idle, key = _idle.setdefault(browser, {}), repr(sorted(options.items()))
    session = idle.pop(key, None)  # while it is in use, another one is made
    if session is None:
        session = browser.new_context(**options)
        session.set_default_timeout(PATIENCE_MILLISECONDS)
        session.new_page()
    page = session.new_page()
    window = Window(page=page)

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            window.complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: window.complaints.append(str(error)))
    page.add_init_script(WATCH)
    try:
        yield window
    except BaseException:
        session.close()
        raise
    if key in idle:
        session.close()
        return
    first, *others = session.pages
    for left in others:
        left.close()
    session.clear_cookies()
    stored = {"origin": url, "storageTypes": "local_storage,indexeddb"}
    session.new_cdp_session(first).send("Storage.clearDataForOrigin", stored)
    idle[key] = session


def rows(first: int, losses: Sequence[Any], **more: Any) -> list[Mapping[str, Any]]:
    """Step records from step `first` on."""
    return [
        {"step": step, "seconds": step / 10, "loss": loss, "gradient_equivalents": 3.0} | more
        for step, loss in enumerate(losses, start=first)
    ]
