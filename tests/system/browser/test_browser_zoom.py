"""Figures of a long run: zoomed down to single steps, with lines for the pointer and the picked step."""

import math
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from system.browser.recording import Recorder
from system.browser.window import Window, opened

STEPS = 12_000
SPIKE = 7_001


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with one long run in it."""
    with running(Settings(data_dir=tmp_path_factory.mktemp("lab"), port=0)) as address:
        yield address


@pytest.fixture(scope="module")
def run(server: str) -> Iterator[Recorder]:
    with httpx.Client(base_url=f"{server}/api/v1", timeout=30) as http:
        recorder = Recorder(http, "long")
        for first in range(1, STEPS, 4000):
            recorder.send([_step(number) for number in range(first, first + 4000)])
        yield recorder


def _step(number: int) -> dict[str, float]:
    loss = 50.0 if number == SPIKE else 2 + math.sin(number / 700)
    return {"step": number, "seconds": number / 4, "loss": loss, "gradient_norm": 1 + number % 2}


@pytest.fixture
def window(browser: Browser, server: str, run: Recorder) -> Iterator[Window]:
    with opened(browser, server) as window:
        window.page.goto(f"/runs/{run.id}")
        window.wait_for_step("loss", STEPS)
        yield window
        assert not window.complaints


def _drag(page: Page, figure: str, begin: float, end: float) -> None:
    """Zoom along x, between two shares of the plot's width."""
    box = page.locator(f"[data-figure={figure}] .nsewdrag").first.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + begin * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], middle, steps=4)
    page.mouse.up()


def test_a_zoom_ends_at_single_steps_and_a_double_click_shows_all_again(window: Window) -> None:
    assert len(window.line("loss")[0]) <= 2000
    window.page.evaluate(
        "window.zooms = []; document.addEventListener('figure:zoom', (event) => zooms.push(event.detail.x))"
    )
    _drag(window.page, "loss", 0.55, 0.62)
    window.wait_for_plot("loss", "plot.data[0].x.length < 1100")
    x, y = window.line("loss")
    low, high = window.page.evaluate("window.zooms.at(-1)")
    assert x == list(range(int(x[0] or 0), int(x[-1] or 0) + 1))  # every step, and one beyond either bound
    assert x[0] == math.ceil(low) - 1
    assert x[-1] == math.floor(high) + 1
    assert y[SPIKE - int(x[0] or 0)] == 50.0
    attribute = window.page.locator("[data-figure=loss]").first.get_attribute("zoom")
    assert attribute is not None
    assert [float(bound) for bound in attribute.split(",")] == pytest.approx([low, high], abs=1)

    box = window.page.locator("[data-figure=loss] .nsewdrag").first.bounding_box()
    assert box is not None
    window.page.mouse.dblclick(box["x"] + 50, box["y"] + 50)
    window.wait_for_plot("loss", "plot.data[0].x.at(-1) === 12000 && plot.data[0].x[0] === 1")
    window.wait_for_plot("loss", "plot.layout.xaxis.range[1] > 11000")
    assert window.page.evaluate("window.zooms.at(-1)") is None
    assert window.page.locator("[data-figure=loss]").first.get_attribute("zoom") is None


def test_a_zoom_can_be_set_and_what_comes_later_does_not_disturb_it(window: Window, run: Recorder) -> None:
    figure = window.page.locator("[data-figure=loss]").first
    figure.evaluate("(figure) => figure.setAttribute('zoom', '100,200')")
    window.wait_for_plot("loss", "plot.data[0].x.length === 103")
    drawn = window.page.evaluate("window.drawn.loss.count")
    last = STEPS + 1
    run.send([_step(last)])
    window.page.wait_for_function("(count) => window.drawn.loss.count > count", arg=drawn)
    assert window.line("loss")[0] == list(range(99, 202))
    assert window.plot("loss", "plot.layout.xaxis.range") == [100, 200]
    figure.evaluate("(figure) => figure.removeAttribute('zoom')")
    window.wait_for_step("loss", last)


def test_the_pointer_is_shown_in_every_figure_along_the_same_x(window: Window) -> None:
    box = window.page.locator("[data-figure=loss] .nsewdrag").first.bounding_box()
    assert box is not None
    window.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 40)
    window.page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 40)
    cursor = window.page.locator("[data-figure=loss] .figure-line.cursor")
    cursor.wait_for(state="attached")
    _wait_for_line(window.page, "loss", "cursor", 0.25)
    window.page.evaluate(
        "document.dispatchEvent(new CustomEvent('cursor:hover', {detail: {x_name: 'step', x: 6000}}))"
    )
    _wait_for_line(window.page, "loss", "cursor", 0.5)
    window.page.evaluate(
        "document.dispatchEvent(new CustomEvent('cursor:hover', {detail: {x_name: 'seconds', x: 60}}))"
    )
    assert cursor.is_hidden()


def test_the_picked_step_is_marked_wherever_the_figure_is_zoomed(window: Window) -> None:
    figure = window.page.locator("[data-figure=loss]").first
    figure.evaluate("(figure) => figure.setAttribute('marker', '3000')")
    _wait_for_line(window.page, "loss", "marker", 0.25)
    figure.evaluate("(figure) => figure.setAttribute('zoom', '2000,4000')")
    _wait_for_line(window.page, "loss", "marker", 0.5)
    figure.evaluate("(figure) => figure.setAttribute('zoom', '4000,5000')")
    window.page.wait_for_function(
        "() => document.querySelector('[data-figure=loss] .figure-line.marker').hidden"
    )


def _wait_for_line(page: Page, figure: str, kind: str, share: float) -> None:
    """Until the line stands at this share of the plot's width, as nearly as its axis begins at step 1."""
    page.wait_for_function(
        """([figure, kind, share]) => {
             const line = document.querySelector(`[data-figure='${figure}'] .figure-line.${kind}`);
             if (!line || line.hidden) return false;
             const area = document.querySelector(`[data-figure='${figure}'] .nsewdrag`).getBoundingClientRect();
             const at = (line.getBoundingClientRect().left - area.left) / area.width;
             return Math.abs(at - share) < 0.01;
           }""",
        arg=[figure, kind, share],
    )


def test_a_logarithmic_axis_marks_zero_at_its_lower_edge(
    browser: Browser, server: str, run: Recorder
) -> None:
    with httpx.Client(base_url=f"{server}/api/v1") as http, opened(browser, server) as window:
        other = Recorder(http, "with zeros")
        other.send(
            [{"step": n, "seconds": n, "loss": value} for n, value in enumerate([4, 0, -1, 2], start=1)]
        )
        window.page.goto(f"/runs/{other.id}")
        window.wait_for_step("loss", 4)
        assert window.line("loss") == [[1, 2, 3, 4], [4, None, None, 2]]
        assert window.plot("loss", "[plot.data[1].x, plot.data[1].y, plot.data[1].text]") == [
            [2, 3],
            [0, 0],
            ["0", "-1"],
        ]
        other.send([{"step": 5, "seconds": 5, "loss": 0}])
        window.wait_for_step("loss", 5)
        assert window.plot("loss", "plot.data[1].x") == [2, 3, 5]
        window.page.locator("[data-figure=loss] [data-action=log]").click()  # a linear axis shows them
        window.wait_for_plot("loss", "plot.data[0].y[1] === 0")
        assert window.plot("loss", "plot.data[1].x") == []
        assert not window.complaints


HIDE = """() => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
  window.held = [];
  window.frames_come = window.requestAnimationFrame;
  window.requestAnimationFrame = (draw) => window.held.push(draw);
  document.dispatchEvent(new Event('visibilitychange'));
}"""
SHOW = """() => {
  delete document.hidden;
  window.requestAnimationFrame = window.frames_come;
  window.held.forEach((draw) => requestAnimationFrame(draw));
  document.dispatchEvent(new Event('visibilitychange'));
}"""


@pytest.mark.parametrize("where", ["far below", "in a hidden page"])
def test_nothing_is_drawn_where_nobody_looks(window: Window, run: Recorder, where: str) -> None:
    """What came meanwhile is there when one looks again. A hidden page gets no frames from its browser."""
    figure = window.page.locator("[data-figure=loss]").first
    last = window.page.evaluate("window.drawn.loss.step")
    if where == "far below":
        figure.evaluate("(figure) => { figure.style.display = 'none'; }")
        window.page.wait_for_timeout(200)  # the browser tells the figure with its next frame
    else:
        window.page.evaluate(HIDE)
    drawn = window.page.evaluate("window.drawn.loss.count")
    asked: list[str] = []
    window.page.on("request", lambda request: "/figures/" in request.url and asked.append(request.url))
    window.page.evaluate(
        "document.addEventListener('stream:steps', ({ detail }) => { window.arrived = detail.steps.at(-1).step; })"
    )
    run.send([_step(last + 1)])
    window.page.wait_for_function("(step) => window.arrived === step", arg=last + 1, polling=50)
    figure.evaluate("(figure) => figure.reload()")  # as what follows runs does
    window.page.wait_for_timeout(200)
    assert window.page.evaluate("window.drawn.loss.count") == drawn
    assert asked == []
    if where == "far below":
        figure.evaluate("(figure) => { figure.style.display = ''; }")
    else:
        window.page.evaluate(SHOW)
    window.wait_for_step("loss", last + 1)


def test_a_figure_that_once_could_not_be_fetched_grows_again(window: Window, run: Recorder) -> None:
    last = window.page.evaluate("window.drawn.loss.step")
    window.page.route("**/api/v1/figures/loss?*", lambda route: route.fulfill(status=503, body="{}"), times=1)
    with window.page.expect_response("**/api/v1/figures/loss?*") as answer:
        window.page.locator("[data-figure=loss]").first.evaluate("(figure) => figure.reload()")
    assert answer.value.status == 503
    run.send([_step(last + 1)])
    window.wait_for_step("loss", last + 1)
    window.complaints.clear()  # the browser's, of the answer
