"""What happens in a run page while its run goes on."""

import statistics
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Route, expect

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from system.browser.recording import Recorder
from system.browser.window import Window, opened, rows

MEDIAN_SECONDS = (
    3.0  # from a record's arrival to its point on the screen: a third of one alone, more beside others
)


@pytest.fixture
def run(http: httpx.Client) -> Recorder:
    recorder = Recorder(http, "live", steps=100)
    recorder.send(rows(1, [8.0, 4.0, 2.0]))
    return recorder


def test_points_arrive(window: Window, run: Recorder) -> None:
    window.page.goto(f"/runs/{run.id}")
    window.wait_for_step("loss", 3)
    run.send(rows(4, [1.0, 0.5]))
    window.wait_for_step("loss", 5)
    assert window.line("loss") == [[1, 2, 3, 4, 5], [8, 4, 2, 1, 0.5]]
    expect(window.page.locator("run-header [data-part=step]")).to_have_text("5 / 100")
    expect(window.page.locator("run-header [data-part=loss]")).to_have_text("0.5000")


def test_what_came_between_page_and_stream_is_not_missed(window: Window, run: Recorder) -> None:
    window.page.route("**/api/v1/events*", lambda route: (run.send(rows(4, [1.0])), route.continue_()))
    window.page.goto(f"/runs/{run.id}")
    window.wait_for_step("loss", 4)
    assert window.line("loss")[0] == [1, 2, 3, 4]


def test_a_figure_that_takes_long_says_that_it_comes(window: Window, run: Recorder) -> None:
    held: list[Route] = []
    window.page.route("**/figures/loss?*", lambda route: held.append(route))
    window.page.goto(f"/runs/{run.id}")
    figure = window.page.locator("[data-figure=loss]").first
    expect(figure.get_by_text("Loading …")).to_be_visible()
    held.pop().continue_()
    window.wait_for_step("loss", 3)
    expect(figure.get_by_text("Loading …")).to_be_hidden()


def test_zoom_and_hidden_traces_outlive_new_points_and_a_new_figure(window: Window, run: Recorder) -> None:
    run.send(rows(4, [1.0, 0.5], loss_after=0.4))
    window.page.goto(f"/runs/{run.id}")
    window.wait_for_step("loss", 5)
    plot = window.page.locator("[data-figure=loss] .nsewdrag").first
    box = plot.bounding_box()
    assert box is not None
    window.page.mouse.move(box["x"] + 60, box["y"] + 40)
    window.page.mouse.down()
    window.page.mouse.move(box["x"] + 220, box["y"] + 140, steps=6)
    window.page.mouse.up()
    zoomed = "[plot.layout.xaxis.range, plot.layout.yaxis.range, plot.layout.xaxis.autorange]"
    window.wait_for_plot("loss", "plot.layout.xaxis.autorange === false")
    before = window.plot("loss", zoomed)
    window.page.locator("[data-figure=loss] .legendtoggle").nth(1).click()
    window.wait_for_plot("loss", "plot.data.some((trace) => trace.visible === 'legendonly')")

    run.send(rows(6, [0.3], loss_after=0.2))
    window.wait_for_step("loss", 6)
    assert window.plot("loss", zoomed) == before

    run.send(rows(7, [0.2], eval_loss=0.9))  # a curve that the figure does not have: it is fetched again
    window.wait_for_step("loss", 7)
    window.wait_for_plot("loss", "plot.data.some((trace) => trace.meta.metric === 'eval_loss')")
    assert window.plot("loss", zoomed) == before
    hidden = window.plot(
        "loss", "plot.data.filter((t) => t.visible === 'legendonly').map((t) => t.meta.metric)"
    )
    assert hidden == ["loss_after"]


def test_a_figure_appears_with_its_metric(window: Window, run: Recorder) -> None:
    window.page.goto(f"/runs/{run.id}")
    window.wait_for_step("loss", 3)
    damping = window.page.locator("[data-figure=damping]")
    expect(damping).to_be_hidden()
    run.send(rows(4, [1.0], damping=0.5))
    expect(damping).to_be_visible()
    window.wait_for_step("damping", 4)
    drawn = "plot.data.filter((trace) => trace.meta?.metric === 'damping' && !trace.meta.marks)"
    assert window.plot("damping", f"{drawn}.map((trace) => [trace.x, trace.y])") == [[[4], [0.5]]]


def test_what_is_not_finite_is_marked_at_the_top(window: Window, run: Recorder) -> None:
    window.page.goto(f"/runs/{run.id}")
    window.wait_for_step("loss", 3)
    run.send(rows(4, ["NaN", "Infinity"]))
    window.wait_for_step("loss", 5)
    assert window.plot("loss", "[plot.data[1].x, plot.data[1].y, plot.data[1].text]") == [
        [4, 5],
        [1, 1],
        ["NaN", "Infinity"],
    ]
    top = window.plot("loss", "plot.querySelector('.nsewdrag').getBoundingClientRect().top")
    boxes = "[...plot.querySelectorAll('.points path')].map((path) => path.getBoundingClientRect())"
    marks = window.plot("loss", f"{boxes}.map((box) => (box.top + box.bottom) / 2)")
    assert len(marks) == 2
    assert all(abs(mark - top) < 2 for mark in marks)


def test_a_later_attempt_takes_its_steps_back(window: Window, http: httpx.Client) -> None:
    empty = {"type": "object", "properties": {}}
    worker = http.post(
        "/workers",
        json={
            "name": "scripted", "host": "here", "pid": 1,
            "problems": [{"name": "p", "title": "P", "description": "", "params_schema": empty}],
            "optimizers": [{"name": "hessianfree", "title": "H", "description": "", "params_schema": empty}],
        },
    ).json()["id"]  # fmt: skip
    run = http.post("/jobs", json={"problem": "p"}).json()["id"]

    def attempt(number: int, steps: list[object]) -> None:
        assert http.post(f"/workers/{worker}/claim", json={"wait_seconds": 1}).json()["attempt"] == number
        http.post(f"/runs/{run}/records", json={"attempt": number, "steps": steps}).raise_for_status()

    window.page.goto(f"/runs/{run}")
    attempt(1, rows(1, [8.0, 4.0, 2.0]))
    window.wait_for_step("loss", 3)
    http.post(f"/runs/{run}/finish", json={"attempt": 1, "state": "interrupted"}).raise_for_status()
    expect(window.page.locator("run-header state-badge")).to_have_text("Queued")
    attempt(2, rows(2, [5.0]))
    window.wait_for_plot("loss", "JSON.stringify(plot.data[0].y) === '[8,5]'")
    expect(window.page.locator("run-header [data-part=attempt]")).to_have_text("attempt 2 of 3")


def test_the_log_follows_until_the_reader_scrolls_up(window: Window, run: Recorder) -> None:
    def say(first: int, count: int) -> None:
        run.send([], logs=[{"number": n, "text": f"line {n} <b>&"} for n in range(first, first + count)])

    say(0, 1)
    window.page.goto(f"/runs/{run.id}")
    log = window.page.get_by_role("log")
    say(1, 80)
    expect(log).to_contain_text("line 80 <b>&")
    assert log.evaluate("(log) => log.scrollHeight - log.scrollTop - log.clientHeight") < 3
    log.evaluate("(log) => { log.scrollTop = 0; }")
    expect(window.page.get_by_role("checkbox", name="Follow")).not_to_be_checked()
    say(81, 10)
    expect(log).to_contain_text("line 90 <b>&")
    assert log.evaluate("(log) => log.scrollTop") == 0
    assert log.locator(".log-line").all_inner_texts() == [f"line {n} <b>&" for n in range(91)]


def test_a_failure_shows_its_error_in_full(window: Window, run: Recorder) -> None:
    window.page.goto(f"/runs/{run.id}")
    run.finish("failed", cause="error", error='ValueError: <nothing> works.\n  File "a.py", line 3')
    expect(window.page.locator("run-header state-badge")).to_have_text("Failed: error")
    expect(window.page.get_by_role("region", name="What went wrong")).to_contain_text(
        'ValueError: <nothing> works.\n  File "a.py"'
    )


def test_the_inner_solve_of_the_step_that_was_clicked(window: Window, run: Recorder) -> None:
    cg = [
        {"step": step, "stop": "Divergence", "model_values": [0, -step], "residual_norms": [1, 1]}
        for step in range(4, 8)
    ]
    run.send(rows(4, [1.0] * 4, cg_iterations=1), cg=cg)
    window.page.goto(f"/runs/{run.id}")
    caption = window.page.locator("inner-solve [data-part=caption]")
    window.page.locator("inner-solve").scroll_into_view_if_needed()
    expect(caption).to_contain_text("Step 7: 1 iteration, ended by Divergence")
    window.page.locator("inner-solve [data-part=step]").fill("5")
    window.page.keyboard.press("Enter")
    expect(caption).to_contain_text("Step 5:")
    window.page.get_by_role("button", name="Latest", exact=True).click()
    expect(caption).to_contain_text("Step 7:")
    asked: list[Route] = []
    window.page.route("**/figures/inner-solve?*", lambda route: asked.append(route))
    for step in (8, 9):  # faster than its figure comes
        trace = {"step": step, "stop": "Divergence", "model_values": [0, -step]}
        run.send(rows(step, [1.0], cg_iterations=1), cg=[trace])
        while not asked:
            window.page.wait_for_timeout(50)
    window.page.wait_for_timeout(2000)  # the next would be asked for a second after the one before
    assert len(asked) == 1
    asked.pop().continue_()
    while not asked:  # what has come meanwhile
        window.page.wait_for_timeout(50)
    asked.pop().continue_()
    expect(caption).to_contain_text("Step 9:")


def test_a_server_that_comes_back_is_caught_up_with(browser: Browser, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, port=0)
    with ExitStack() as stack:
        with running(settings) as url:
            recorder = Recorder(stack.enter_context(httpx.Client(base_url=f"{url}/api/v1")))
            recorder.send(rows(1, [4.0]))
            window = stack.enter_context(opened(browser, url))
            connection = window.page.locator("connection-state")
            window.page.goto(f"/runs/{recorder.id}")
            window.wait_for_step("loss", 1)
            expect(connection).to_have_text("Live")
        expect(connection).to_have_text("Reconnecting")
        expect(connection).to_have_text("Offline", timeout=15_000)
        expect(window.page.get_by_text("The server does not answer. What you see may be old")).to_be_visible()
        assert window.line("loss") == [[1], [4]]
        with running(settings.model_copy(update={"port": urlsplit(url).port})):
            recorder.send(rows(2, [2.0]))
            expect(connection).to_have_text("Live", timeout=15_000)
            window.wait_for_step("loss", 2)


def test_a_record_is_soon_on_the_screen(window: Window, run: Recorder) -> None:
    window.page.goto(f"/runs/{run.id}")
    window.wait_for_step("loss", 3)
    sent = {}
    for step in range(4, 34):
        sent[step] = time.time()
        run.send(rows(step, [1.0 / step], gradient_norm=1.0 / step))
        window.page.wait_for_timeout(60)
    window.wait_for_step("loss", 33)
    first = window.page.evaluate("window.drawn.loss.first")
    # A point drawn together with a later one is dated by the later one's drawing.
    drawn = {int(step): at / 1000 for step, at in first.items()}
    delays = [min(at for later, at in drawn.items() if later >= step) - sent[step] for step in sent]
    median = statistics.median(delays)
    print(f"record sent to point drawn: median {median * 1000:.0f} ms, most {max(delays) * 1000:.0f} ms")
    assert median < MEDIAN_SECONDS


def test_a_hundred_steps_a_second_leave_the_page_responsive(window: Window, run: Recorder) -> None:
    window.page.goto(f"/runs/{run.id}")
    window.wait_for_step("loss", 3)
    window.page.evaluate(
        """() => {
             window.longest = 0;
             new PerformanceObserver((list) => {
               for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
             }).observe({ entryTypes: ["longtask"] });
           }"""
    )
    for batch in range(40):
        run.send(rows(4 + 10 * batch, [1.0 / (1 + batch + n) for n in range(10)], gradient_norm=1.0))
        window.page.wait_for_timeout(50)
    window.wait_for_step("loss", 403)
    assert len(window.line("loss")[0]) == 403
    assert window.page.evaluate("window.longest") < 1000


def test_a_page_that_was_away_for_too_long_loads_again(window: Window, run: Recorder) -> None:
    answered = []

    def answer(route: Route) -> None:
        answered.append(route)
        if len(answered) > 1:
            route.continue_()
        else:
            run.send(rows(4, [1.0]))
            body = "event: reset\ndata: {}\n\n"
            route.fulfill(headers={"Content-Type": "text/event-stream"}, body=body)

    window.page.route("**/api/v1/events*", answer)
    window.page.goto(f"/runs/{run.id}")
    window.wait_for_step("loss", 4)
    assert len(answered) == 2
