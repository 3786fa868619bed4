"""Spectra on a run's page: shown when there are some, by step, and live."""

import httpx
from playwright.sync_api import expect

from server.makers import spectrum
from system.browser.recording import Recorder
from system.browser.window import Window, rows


def sent(step: int) -> dict[str, object]:
    return {"spectra": [spectrum(step, largest=float(step)).model_dump(mode="json")]}


def test_the_spectrum_of_the_latest_step_that_has_one_and_of_the_one_asked_for(
    window: Window, http: httpx.Client
) -> None:
    run = Recorder(http)
    run.send(rows(1, [1.0, 0.5]))
    window.page.goto(f"/runs/{run.id}")
    section = window.page.locator("loss-spectrum")
    window.wait_for_step("loss", 2)
    expect(section).to_be_hidden()
    expect(window.page.locator("[data-figure=extreme-eigenvalues]")).to_be_hidden()

    run.send(rows(3, [0.4], spectrum_largest=3.0, spectrum_smallest=-1.0, spectrum_trace=2.0), **sent(3))
    expect(section).to_be_visible()
    section.scroll_into_view_if_needed()
    caption = section.locator("[data-part=caption]")
    expect(caption).to_contain_text("Step 3: Hessian in 2 parameters, eigenvalues from -1 to 3")
    assert window.plot("spectrum", "plot.data.map((trace) => trace.y)") == [[1], [1]]

    run.send(rows(4, [0.3]))
    run.send(rows(5, [0.2], spectrum_largest=5.0, spectrum_smallest=-1.0, spectrum_trace=2.0), **sent(5))
    expect(caption).to_contain_text("Step 5:")
    section.locator("[data-part=step]").fill("4")
    window.page.keyboard.press("Enter")
    expect(caption).to_contain_text("Step 3:")
    section.get_by_role("button", name="Latest").click()
    expect(caption).to_contain_text("Step 5:")

    window.page.locator("[data-figure=extreme-eigenvalues]").scroll_into_view_if_needed()
    window.wait_for_step("extreme-eigenvalues", 5)
    assert window.line("extreme-eigenvalues")[1] == [3, 5]
    window.photograph("spectrum")
