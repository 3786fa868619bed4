"""What a user asks of a running job: held back, told to go on, given other settings, and how the page shows it."""

import httpx
import pytest
from playwright.sync_api import expect

from system.browser.scripted import ScriptedJob
from system.browser.window import Window, rows


@pytest.fixture
def job(http: httpx.Client) -> ScriptedJob:
    scripted = ScriptedJob(http)
    scripted.send(rows(1, [8.0, 4.0, 2.0], damping=1.0))
    return scripted


def test_a_job_is_held_back_and_told_to_go_on(window: Window, job: ScriptedJob) -> None:
    page = window.page
    page.goto(f"/runs/{job.id}")
    badge = page.locator("run-header state-badge")
    expect(badge).to_have_text("Running")
    expect(page.get_by_role("button", name="Resume")).to_be_hidden()
    page.get_by_role("button", name="Pause").click()
    expect(badge).to_have_text("Pausing")
    job.obey(1, 3)
    expect(badge).to_have_text("Paused")
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    page.get_by_role("button", name="Resume").click()
    job.obey(2, 3)
    expect(badge).to_have_text("Running")
    history = page.locator("run-history tbody tr")
    expect(history).to_have_count(3)  # the attempt, the pause, going on
    expect(history.nth(1)).to_contain_text("Pause")


def test_other_settings_are_asked_for_and_marked_where_they_take_effect(
    window: Window, job: ScriptedJob
) -> None:
    page = window.page
    page.goto(f"/runs/{job.id}")
    window.wait_for_step("damping", 3)
    page.get_by_role("button", name="Adjust").click()
    dialog = page.get_by_role("dialog", name="Adjust this job")
    expect(dialog.get_by_label("Damping")).to_have_value("1")
    expect(dialog.get_by_label("Verbose")).to_have_count(0)  # not to be changed while it runs
    dialog.get_by_label("Damping").fill("-1")
    dialog.get_by_role("button", name="Adjust").click()
    expect(dialog.locator(".field-error:visible")).to_contain_text("above 0")
    dialog.get_by_label("Damping").fill("0.5")
    dialog.get_by_label("Steps").fill("120")
    window.photograph("run-adjust")
    dialog.get_by_role("button", name="Adjust").click()
    expect(dialog).to_be_hidden()
    assert [control["settings"] for control in job.asked()] == [{"damping": 0.5, "budget": {"steps": 120}}]
    change = page.locator("run-history tbody tr").nth(1)
    expect(change).to_contain_text("budget.steps = 120, damping = 0.5")
    expect(change).to_contain_text("Waiting for the job")

    job.send(rows(4, [1.0], damping=1.0))
    job.obey(1, 4)
    job.send(rows(5, [0.5], damping=0.5))
    expect(change).to_contain_text("step 5")
    marks = "plot.data.filter((trace) => trace.name === 'marks')"
    window.wait_for_plot("damping", f"{marks}.length === 1")
    window.wait_for_plot("damping", "plot.layout.shapes.some(({ x0 }) => x0 === 5)")
    assert "damping = 0.5" in window.plot("damping", f"{marks}[0].text[0]")
    expect(page.locator("run-header [data-part=step]")).to_have_text("5 / 120")

    page.get_by_role("button", name="Adjust").click()
    expect(dialog.get_by_label("Damping")).to_have_value("0.5")  # as it is in force
    dialog.get_by_role("button", name="Keep it as it is").click()
    expect(dialog).to_be_hidden()


def test_attempts_are_one_line_with_a_mark_where_the_next_went_on(window: Window, job: ScriptedJob) -> None:
    page = window.page
    job.lose()
    page.goto(f"/runs/{job.id}")
    job.claim()
    job.send(rows(3, [3.0, 1.5], damping=1.0), resumed_from=2)
    window.wait_for_plot("loss", "JSON.stringify(plot.data[0].y) === '[8,4,3,1.5]'")
    marks = "plot.data.filter((trace) => trace.name === 'marks')"
    window.wait_for_plot("loss", f"{marks}.length === 1")
    assert window.plot("loss", f"[{marks}[0].x, {marks}[0].text]") == [
        [3],
        ["Attempt 2 goes on after step 2; attempt 1 was interrupted<br>from step 3 on"],
    ]
    expect(page.locator("run-history")).to_contain_text("on from its checkpoint after step 2")
    window.see_all()
    window.photograph("run-history")
