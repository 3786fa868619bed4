"""The log on a run's page: its end first, the rest as it is scrolled to, searched and downloaded."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from system.browser.recording import Recorder
from system.browser.window import Window, opened

LINES = 4_000
NEEDLE = 123  # far above what is loaded at first


def text_of(number: int) -> str:
    return "a <b>needle</b> & more" if number == NEEDLE else f"line {number}"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(Settings(data_dir=tmp_path_factory.mktemp("lab"), port=0)) as address:
        yield address


@pytest.fixture(scope="module")
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{url}/api/v1") as client:
        yield client


@pytest.fixture(scope="module")
def run(http: httpx.Client) -> Recorder:
    recorder = Recorder(http, "chatty")
    lines = [
        {"number": n, "text": text_of(n), "stream": "stderr" if n % 1000 == 500 else "stdout"}
        for n in range(LINES)
    ]
    recorder.send([], logs=lines)
    return recorder


@pytest.fixture
def window(browser: Browser, url: str) -> Iterator[Window]:
    with opened(browser, url) as window:
        yield window
        assert not window.complaints


def test_the_end_comes_first_and_earlier_lines_as_they_are_scrolled_to(window: Window, run: Recorder) -> None:
    page = window.page
    page.goto(f"/runs/{run.id}")
    log = page.get_by_role("log")
    lines = log.locator(".log-line")
    expect(page.locator("log-view [data-part=count]")).to_have_text("4\u202f000 lines")
    expect(lines.last).to_have_text(f"line {LINES - 1}")
    assert lines.count() == 500
    log.evaluate("(log) => { log.scrollTop = 300; }")
    expect(lines).to_have_count(1000)
    assert lines.first.inner_text() == f"line {LINES - 1000}"
    # What was in sight is where it was.
    seen = log.evaluate(
        """(log) => [...log.querySelectorAll(".log-line")]
             .find((line) => line.offsetTop + line.offsetHeight > log.scrollTop + 12).textContent"""
    )
    assert abs(int(seen.split()[1]) - (LINES - 500 + 15)) < 4
    expect(page.get_by_role("checkbox", name="Follow")).not_to_be_checked()


def test_the_whole_log_is_searched(window: Window, run: Recorder) -> None:
    page = window.page
    page.goto(f"/runs/{run.id}")
    log = page.get_by_role("log")
    field = page.get_by_role("searchbox", name="Search the log")
    status = page.locator("log-view [data-part=matches]")
    field.fill("NEEDLE")
    expect(status).to_have_text("1 of 1")
    current = log.locator('[aria-current="true"]')
    expect(current).to_have_text(text_of(NEEDLE))
    expect(current.locator("mark")).to_have_text("needle")
    expect(current).to_be_in_viewport()
    expect(page).to_have_url(re.compile(r"\?log=NEEDLE$"))

    field.fill("line 39")  # line 39, 390 to 399, and 3900 to 3999
    expect(status).to_have_text("111 of 111")
    expect(current).to_have_text("line 3999")
    page.keyboard.press("Shift+Enter")
    expect(status).to_have_text("110 of 111")
    expect(current).to_have_text("line 3998")
    page.get_by_role("button", name="Next match").click()
    page.get_by_role("button", name="Next match").click()
    expect(status).to_have_text("1 of 111")
    expect(current).to_have_text("line 39")

    field.fill("nothing there")
    expect(status).to_have_text("No match")
    expect(page.get_by_role("button", name="Next match")).to_be_disabled()
    field.fill("")
    expect(status).to_have_text("")
    expect(log.locator("mark")).to_have_count(0)


def test_a_search_that_was_sent_is_found_again_in_its_stream(window: Window, run: Recorder) -> None:
    page = window.page
    page.goto(f"/runs/{run.id}?log=line&stream=stderr")
    log = page.get_by_role("log")
    expect(page.locator("log-view [data-part=matches]")).to_have_text("4 of 4")
    expect(log.locator(".log-line")).to_have_text([f"line {n}500" for n in ("", 1, 2, 3)])
    page.get_by_label("Lines from").select_option("")
    # Among all lines it is still the same one.
    expect(page.locator("log-view [data-part=matches]")).to_have_text(f"3500 of {LINES - 1}")
    expect(log.locator('[aria-current="true"]')).to_have_text("line 3500")


def test_the_middle_of_a_log_does_not_grow_but_its_end_does(window: Window, http: httpx.Client) -> None:
    page = window.page
    other = Recorder(http, "grows")
    other.send([], logs=[{"number": n, "text": text_of(n)} for n in range(2000)])
    page.goto(f"/runs/{other.id}?log=needle")
    log = page.get_by_role("log")
    expect(log.locator('[aria-current="true"]')).to_have_text(text_of(NEEDLE))
    other.send([], logs=[{"number": 2000, "text": "the end"}])
    expect(page.locator("log-view [data-part=count]")).to_have_text("2\u202f001 lines")
    expect(log).not_to_contain_text("the end")
    page.get_by_role("checkbox", name="Follow").check()
    expect(log.locator(".log-line").last).to_have_text("the end")
    other.send([], logs=[{"number": 2001, "text": "after all"}])
    expect(log.locator(".log-line").last).to_have_text("after all")


def test_what_is_read_stays_while_thousands_of_lines_come(window: Window, http: httpx.Client) -> None:
    page = window.page
    other = Recorder(http, "talks")

    def say(first: int, stop: int) -> None:
        other.send([], logs=[{"number": n, "text": f"line {n}"} for n in range(first, stop)])

    say(0, 1)
    page.goto(f"/runs/{other.id}")
    expect(page.locator("connection-state")).to_have_text("Live")
    say(1, 3200)
    log, count = page.locator(".log-lines"), page.locator("log-view [data-part=count]")
    lines = log.locator(".log-line")
    expect(lines.last).to_have_text("line 3199")
    expect(lines.first).to_have_text("line 200")
    log.evaluate("(log) => { log.scrollTop = log.scrollHeight / 2; }")
    expect(page.get_by_role("checkbox", name="Follow")).not_to_be_checked()
    read = """(log) => [...log.querySelectorAll(".log-line")]
        .find((line) => line.offsetTop + line.offsetHeight > log.scrollTop + 12).textContent"""
    seen = log.evaluate(read)
    say(3200, 3900)
    expect(count).to_have_text("3\u202f900 lines")
    assert log.evaluate(read) == seen
    log.evaluate("(log) => { log.scrollTop = 0; }")
    expect(lines.first).to_have_text("line 0")  # what came by the stream goes on upwards as well
    assert log.evaluate(read) == "line 200"
    log.evaluate("(log) => { log.scrollTop = log.scrollHeight; }")
    expect(lines.filter(has_text="line 3200")).to_have_count(1)
    log.evaluate("(log) => { log.scrollTop = log.scrollHeight; }")
    expect(lines.last).to_have_text("line 3899")
    say(3900, 3901)
    log.evaluate("(log) => { log.scrollTop = log.scrollHeight; }")
    expect(lines.last).to_have_text("line 3900")


def test_the_log_is_downloaded(window: Window, run: Recorder, tmp_path: Path) -> None:
    window.page.goto(f"/runs/{run.id}")
    with window.page.expect_download() as waiting:
        window.page.get_by_role("link", name="Download").click()
    waiting.value.save_as(tmp_path / "log")
    assert waiting.value.suggested_filename == f"{run.id}.log"
    assert (tmp_path / "log").read_text() == "".join(f"{text_of(n)}\n" for n in range(LINES))
