"""Pages that stand still while what they show goes on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from hessianfree_lab.client import Client
from hessianfree_lab.records import FinishRequest, IngestBatch
from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from server.makers import announcement
from system.browser.recording import Recorder
from system.browser.scripted import ScriptedJob
from system.browser.swept import SPEC
from system.browser.test_browser_solves import MEASURED, solves
from system.browser.window import opened, rows

MOST = 0.01  # of layout shift: a tenth of what is called good
ROUNDS = 8
PAUSE_MILLISECONDS = 150  # all rounds take longer than a second, the slowest beat of any page
MOVED = """() => {
  window.moved = { sum: 0, what: [] };
  new PerformanceObserver((list) => {
    for (const { value, sources } of list.getEntries()) {
      window.moved.sum += value;
      window.moved.what.push(...sources.map(({ node }) => node?.parentElement?.outerHTML.slice(0, 120)));
    }
  }).observe({ type: "layout-shift" });
}"""


@dataclass(kw_only=True)
class Stage:
    """A server, a job that makes a step when it is told to and a sweep that ends a trial."""

    url: str
    job: ScriptedJob
    other: str
    client: Client
    sweep: str
    worker: str
    step: int = 0
    ended: int = 0

    def make_step(self) -> None:
        self.step += 1
        self.job.send(rows(self.step, [10.0**-self.step], **MEASURED), cg=solves(self.step, self.step))

    def end_trial(self) -> None:
        trial = self.client.claim(self.worker, wait_seconds=5.0)
        assert trial is not None
        batch = {"attempt": 1, "steps": rows(1, [8.0, 1.0 + 1 / (2 + self.ended)])}
        self.client.send(trial.run, IngestBatch.model_validate(batch))
        self.client.finish(trial.run, FinishRequest.model_validate({"attempt": 1, "state": "completed"}))
        self.ended += 1


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    # Nobody sends heartbeats.
    settings = Settings(data_dir=tmp_path_factory.mktemp("lab"), port=0, lease_seconds=3600)
    with (
        running(settings) as url,
        httpx.Client(base_url=f"{url}/api/v1") as http,
        Client(url) as client,
    ):
        worker = client.register(announcement()).id
        job, other = ScriptedJob(http, record={"slices": 2}), Recorder(http, "another")
        other.send(rows(1, [4.0] * 30, **MEASURED))
        sweep = client.sweeps.submit(SPEC).id
        stage = Stage(url=url, job=job, other=other.id, client=client, sweep=sweep, worker=worker)
        for _ in range(3):
            stage.make_step()
            stage.end_trial()
        yield stage


def table(page: Page, stage: Stage) -> Callable[[], None]:
    page.goto("/")
    expect(page.locator(".runs")).to_contain_text(f"{stage.step} / 100")
    return stage.make_step


def inside_a_step(page: Page, stage: Stage) -> Callable[[], None]:
    page.goto(f"/runs/{stage.job.id}")
    page.locator("inner-solve").evaluate("(section) => section.scrollIntoView()")
    page.wait_for_function("() => 'inner-solve' in window.drawn && 'kept-losses' in window.drawn")
    return stage.make_step


def compare(page: Page, stage: Stage) -> Callable[[], None]:
    page.goto(f"/compare?runs={stage.job.id},{stage.other}")
    page.wait_for_function("() => document.querySelectorAll('compare-charts .main-svg').length >= 2")
    return stage.make_step


def queue(page: Page, stage: Stage) -> Callable[[], None]:
    page.goto("/workers")
    expect(page.locator("queue-running")).to_contain_text(f"{stage.step} / 100")
    return stage.make_step


def sweep(page: Page, stage: Stage) -> Callable[[], None]:
    page.goto(f"/sweeps/{stage.sweep}")
    page.wait_for_function("() => 'history' in window.drawn")
    return stage.end_trial


@pytest.mark.parametrize("show", [table, inside_a_step, compare, queue, sweep])
def test_nothing_moves_while_it_goes_on(
    browser: Browser, stage: Stage, show: Callable[[Page, Stage], Callable[[], None]]
) -> None:
    with opened(browser, stage.url) as window:
        go_on = show(window.page, stage)
        expect(window.page.locator("connection-state")).to_have_attribute("data-state", "live")
        window.page.wait_for_timeout(500)  # what the page still asks for
        before = window.page.locator("main").inner_text()
        window.page.evaluate(MOVED)
        for _ in range(ROUNDS):
            go_on()
            window.page.wait_for_timeout(PAUSE_MILLISECONDS)
        moved = window.page.evaluate("window.moved")
        assert moved["sum"] < MOST, moved["what"]
        assert window.page.locator("main").inner_text() != before
        assert not window.complaints
