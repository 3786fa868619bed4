"""The form for a job: as fields and as YAML, begun from a run, varied into a sweep."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from server.makers import HESSIANFREE_SCHEMA, announcement, optimizer, problem
from system.browser.test_browser_accessibility import violations
from system.browser.window import PHONE, Window, opened

LOOSE: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": True}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server to which a worker has said what it can train."""
    with running(Settings(data_dir=tmp_path_factory.mktemp("lab"), port=0, lease_seconds=600)) as url:
        schema = HESSIANFREE_SCHEMA["properties"] | {"stop": {"enum": ["soon", "late"], "default": "soon"}}
        offered = [
            optimizer("hessianfree", HESSIANFREE_SCHEMA | {"properties": schema}),
            optimizer("adam", {"type": "object"}),
            optimizer("loose", LOOSE),
        ]
        lacking = problem("faces").model_copy(update={"missing": "Put faces.mat into a folder faces/."})
        problems = [*announcement().problems, lacking]
        body = announcement(problems=problems, optimizers=offered).model_dump(mode="json")
        httpx.post(f"{url}/api/v1/workers", json=body).raise_for_status()
        yield url


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{address}/api/v1") as client:
        yield client


@pytest.fixture
def form(browser: Browser, address: str) -> Iterator[Window]:
    with opened(browser, address) as window:
        window.page.goto("/submit")
        expect(yaml(window.page)).not_to_have_value("")
        yield window
        assert not [text for text in window.complaints if "status of 4" not in text]  # refusals are asked for


def yaml(page: Page) -> Locator:
    return page.get_by_role("textbox", name="YAML")


def field(page: Page, name: str) -> Locator:
    return page.get_by_label(name, exact=True)


def test_the_form_and_the_text_follow_each_other(form: Window) -> None:
    page = form.page
    field(page, "Damping").fill("0.5")
    page.get_by_role("radio", name="adam").check()
    expect(yaml(page)).to_have_value("problem: bowl\noptimizer: adam\n")
    page.get_by_role("radio", name="hessianfree").check()
    field(page, "CG max iter").fill("20")
    expect(yaml(page)).to_have_value(
        "problem: bowl\noptimizer: hessianfree\noptimizer_params:\n  cg_max_iter: 20\n"
    )

    yaml(page).fill(
        "problem: bowl\noptimizer_params: {damping: 1e-3, stop: late}\nbudget: {steps: null, seconds: 9}\n"
    )
    expect(field(page, "Damping")).to_have_value("0.001")
    expect(field(page, "CG max iter")).to_have_value("250")
    expect(field(page, "Stop")).to_have_value("late")
    expect(field(page, "Steps")).to_have_value("")
    expect(field(page, "Seconds")).to_have_value("9")
    expect(page.locator("[data-part=estimate]")).to_contain_text("A worker is free")

    # Set back to its default, a setting leaves the text.
    page.get_by_role("button", name="Default 250").click(force=True)
    page.locator(".field", has=field(page, "Damping")).get_by_role("button", name="Default 1").click()
    expect(yaml(page)).not_to_have_value(re.compile("damping"))


def test_a_wrong_text_names_line_and_column_and_loses_nothing(form: Window) -> None:
    page = form.page
    field(page, "Damping").fill("0.5")
    expect(yaml(page)).to_have_value(re.compile("damping: 0.5"))
    wrong = "problem: bowl\noptimizer_params:\n  damping: -1\n"
    yaml(page).fill(wrong)
    said = page.get_by_role(
        "button", name="Line 3, column 3: optimizer_params.damping is -1; it must be above 0."
    )
    expect(said).to_be_visible()
    expect(yaml(page)).to_have_attribute("aria-invalid", "true")
    expect(field(page, "Damping")).to_have_value("0.5")  # the last that was right
    assert page.locator("[data-part=main]").evaluate("(part) => part.inert")
    said.click()
    chosen = "(text) => text.value.slice(text.selectionStart, text.selectionEnd)"
    assert yaml(page).evaluate(chosen) == "damping: -1"

    yaml(page).fill("problem: bowl\nbudget: {steps: 3\n")
    expect(
        page.get_by_role("button", name=re.compile("Line 3, column 1: This is not valid YAML"))
    ).to_be_visible()
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(yaml(page)).to_be_focused()
    page.get_by_role("button", name="Use the form’s version").click()
    expect(yaml(page)).to_have_value(re.compile("damping: 0.5"))
    expect(page.locator("[data-part=locked]")).to_be_hidden()


def test_comments_are_lost_only_with_a_word_and_come_back(form: Window) -> None:
    page = form.page
    text = "# tried on Monday\nproblem: bowl\noptimizer_params: {damping: 0.25} # low\n"
    yaml(page).fill(text)
    expect(field(page, "Damping")).to_have_value("0.25")
    field(page, "Damping").fill("0.75")
    expect(page.get_by_text("its comments are gone")).to_be_visible()
    expect(yaml(page)).to_have_value(re.compile("damping: 0.75"))
    page.get_by_role("button", name="Bring them back").click()
    expect(yaml(page)).to_have_value(text)
    expect(field(page, "Damping")).to_have_value("0.25")
    expect(page.get_by_text("its comments are gone")).to_be_hidden()


def test_a_file_is_dropped_in_and_downloaded(form: Window, tmp_path: Path) -> None:
    page = form.page
    content = "name: From a file\nproblem: bowl\nseed: 11\n"
    page.evaluate(
        """(content) => {
             const transfer = new DataTransfer();
             transfer.items.add(new File([content], "job.yaml"));
             const dropped = { dataTransfer: transfer, bubbles: true, cancelable: true };
             document.body.dispatchEvent(new DragEvent("drop", dropped));
           }""",
        content,
    )
    expect(field(page, "Seed")).to_have_value("11")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "From-a-file.yaml"
    assert Path(download.value.path()).read_text() == content
    other = tmp_path / "other.yaml"
    other.write_text("problem: bowl\nseed: 12\n")
    page.locator("input[type=file]").set_input_files(other)
    expect(field(page, "Seed")).to_have_value("12")


def test_settings_without_a_field_are_listed_kept_and_removed(form: Window, http: httpx.Client) -> None:
    page = form.page
    yaml(page).fill("problem: bowl\noptimizer: loose\noptimizer_params: {twist: 3}\n")
    extras = page.locator("[data-part=extras-card]")
    expect(extras).to_contain_text("optimizer_params.twist")
    field(page, "Seed").fill("5")
    expect(yaml(page)).to_have_value(re.compile("twist: 3"))
    page.get_by_role("button", name="Submit job").click()
    page.wait_for_url(re.compile(r"/runs/[\w-]+$"))
    run = page.url.rpartition("/")[2]
    assert http.get(f"/runs/{run}").json()["spec"]["optimizer_params"] == {"twist": 3}

    page.goto(f"/submit?from={run}")
    expect(page.get_by_role("radio", name="loose")).to_be_checked()
    expect(field(page, "Seed")).to_have_value("5")
    page.get_by_role("button", name="Remove optimizer_params.twist").click()
    expect(extras).to_be_hidden()
    expect(yaml(page)).to_have_value("problem: bowl\noptimizer: loose\nseed: 5\n")
    http.post(f"/jobs/{run}/cancel").raise_for_status()


def test_settings_that_are_varied_make_a_sweep(form: Window, http: httpx.Client) -> None:
    page = form.page
    field(page, "Name").fill("hunt")
    page.get_by_role("button", name="Vary Damping", exact=True).click()
    damping = page.get_by_role("group", name="What to try of Damping")
    damping.get_by_role("textbox", name="Values").fill("0.1, 1")
    page.get_by_role("button", name="Vary Stop", exact=True).click()
    expect(page.get_by_role("button", name="Start sweep of 4 runs")).to_be_visible()
    field(page, "Seeds").fill("1, 2, 3")
    expect(page.locator("[data-part=count]")).to_have_text("4 trials, 12 runs")
    damping.get_by_role("textbox", name="Values").fill("0.1")
    expect(page.locator(".field", has=damping).locator(".field-error")).to_contain_text("at least two values")
    damping.get_by_role("textbox", name="Values").fill("0.5, 10")
    damping.get_by_label("How").select_option("log")
    expect(damping.get_by_label("Highest")).to_have_value("10")
    damping.get_by_label("Lowest").fill("0.01")
    expect(page.locator(".field", has=damping).locator(".field-error")).to_contain_text("a grid needs a step")
    field(page, "Method").select_option("random")
    field(page, "Trials").fill("5")
    field(page, "Sampler's seed seed").fill("7")
    expect(page.get_by_role("button", name="Start sweep of 15 runs")).to_be_visible()

    # The text is the sweep's now, and the form follows it too.
    text = yaml(page).input_value()
    assert "optimizer_params.damping:\n      low: 0.01\n      high: 10.0\n      log: true\n" in text
    yaml(page).fill(text.replace("high: 10.0", "high: 20").replace("trials: 5", "trials: 2"))
    expect(damping.get_by_label("Highest")).to_have_value("20")
    expect(field(page, "Trials")).to_have_value("2")
    expect(field(page, "Name")).to_have_value("hunt")
    page.get_by_role("button", name="Start sweep of 6 runs").click()
    page.wait_for_url(re.compile(r"/sweeps/[\w-]+$"))
    sweep = http.get(f"/sweeps/{page.url.rpartition('/')[2]}").json()
    assert (sweep["name"], sweep["total"], sweep["spec"]["seeds"]) == ("hunt", 2, [1, 2, 3])
    assert (sweep["spec"]["search"]["seed"], sweep["spec"]["search"]["startup_trials"]) == (7, 10)
    http.post(f"/sweeps/{sweep['id']}/cancel").raise_for_status()


def test_a_job_that_no_worker_can_run_is_told_so_before_it_is_sent(form: Window) -> None:
    page = form.page
    field(page, "Device").fill("cuda")
    expect(page.locator("[data-part=estimate]")).to_have_text(
        "No worker here can run this: none announces cuda."
    )
    expect(page.get_by_role("button", name="Submit job")).to_be_enabled()  # one may come

    # What no worker can train yet says what to put where, to every reader.
    faces = page.get_by_role("radio", name="faces", exact=True)
    expect(faces).to_have_accessible_description(re.compile("Not ready"))
    faces.check()
    expect(page.locator(".offer [data-part=missing]:visible")).to_have_text(
        "No worker can train this yet. Put faces.mat into a folder faces/."
    )
    expect(page.get_by_role("alert")).to_contain_text("Put faces.mat into a folder faces/.")
    page.get_by_role("radio", name="bowl").check()
    expect(page.locator(".offer [data-part=missing]:visible")).to_have_count(0)


def test_the_form_is_used_on_a_phone(browser: Browser, address: str) -> None:
    with opened(browser, address, size=PHONE, scheme="dark") as window:
        window.page.goto("/submit")
        window.page.get_by_role("button", name="Vary Damping", exact=True).click()
        window.page.get_by_role("group", name="What to try of Damping").get_by_label("How").select_option(
            "range"
        )
        window.page.get_by_role("textbox", name="Step", exact=True).fill("1.1")
        expect(yaml(window.page)).to_have_value(re.compile("low:"))
        assert window.overflow() <= 0
        assert violations(window.page) == []
        yaml(window.page).fill("problem: [")
        expect(window.page.get_by_role("alert").filter(has_text="Line 1")).to_be_visible()
        assert violations(window.page) == []


def test_a_worker_that_comes_meanwhile_does_not_swallow_submit(form: Window, address: str) -> None:
    page, held = form.page, list[Route]()
    expect(page.locator("connection-state")).to_have_text("Live")
    page.route("**/api/v1/check", lambda route: held.append(route))
    page.evaluate("document.addEventListener('stream:workers', () => (window.workersCame = true))")
    page.get_by_role("button", name="Submit job").click()
    while not held:
        page.wait_for_timeout(20)
    body = announcement(name="another").model_dump(mode="json")
    httpx.post(f"{address}/api/v1/workers", json=body).raise_for_status()
    page.wait_for_function("() => window.workersCame")
    while len(held) < 2:  # the form asks again, of what the workers can now
        page.wait_for_timeout(20)
    for route in held:
        route.continue_()
    page.wait_for_url("**/runs/*")


def test_a_form_that_is_half_filled_in_outlives_a_stream_that_missed_something(form: Window) -> None:
    page, held = form.page, list[Route]()
    page.route("**/api/v1/events*", lambda route: held.append(route))
    page.reload()
    field(page, "Name").fill("half a form")
    page.locator("h1").click()
    while not held:
        page.wait_for_timeout(20)
    held.pop().fulfill(content_type="text/event-stream", body="id: 1\n\nevent: reset\ndata: {}\n\n")
    page.unroute("**/api/v1/events*")
    expect(page.locator("connection-state")).to_have_text("Live")
    expect(field(page, "Name")).to_have_value("half a form")
