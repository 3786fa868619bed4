"""The compare page."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from system.browser.conftest import Recorder
from system.browser.window import Window, rows


@pytest.fixture
def pair(http: httpx.Client) -> tuple[Recorder, Recorder]:
    """One run that goes on and one that has ended; they differ in one setting."""
    first = Recorder(http, "first", config={"lr": 0.1, "layers": [4, 2]})
    first.send(rows(1, [8.0, 4.0], gradient_norm=0.5))
    second = Recorder(http, "second", config={"lr": 0.2, "layers": [4, 2]})
    second.send(rows(1, [7.0, 5.0, 3.0]))
    second.finish()
    return first, second


@pytest.fixture
def compared(window: Window, pair: tuple[Recorder, Recorder]) -> Window:
    window.page.goto(f"/compare?runs={pair[0].id},{pair[1].id}")
    window.wait_for_step("metric", 3)
    return window


def view(window: Window) -> dict[str, str]:
    return {
        key: values[0] for key, values in parse_qs(urlsplit(window.page.url).query).items() if key != "runs"
    }


def test_runs_lie_over_each_other_in_a_colour_each(compared: Window) -> None:
    assert compared.line("metric", 0) == [[1, 2], [8, 4]]
    assert compared.line("metric", 2) == [[1, 2, 3], [7, 5, 3]]
    colours = compared.plot("metric", "[0, 2].map((number) => plot.data[number].line.color)")
    style = "getComputedStyle(document.documentElement)"
    assert colours == compared.plot(
        "metric", f"[0, 1].map((n) => {style}.getPropertyValue(`--series-${{n}}`).trim())"
    )
    assert compared.page.locator(".legendtext").all_text_contents() == ["first", "second"]
    swatches = compared.page.locator("[data-part=summary] tbody .swatch")
    assert [swatch.get_attribute("data-colour") for swatch in swatches.all()] == ["0", "1"]


def test_the_address_holds_the_view_and_back_and_reload_return_to_it(compared: Window) -> None:
    page = compared.page
    page.get_by_label("Gradient equivalents", exact=True).check(force=True)
    compared.wait_for_plot("metric", "plot.data[0].x[1] === 6")
    assert view(compared) == {"x": "gradient_equivalents"}

    page.get_by_role("combobox", name="Metric").select_option("gradient_norm")
    compared.wait_for_plot("metric", "plot.data[0].y[0] === 0.5 && plot.data[2].y.length === 0")
    expect(page.get_by_role("heading", name="Gradient norm")).to_be_visible()
    page.get_by_role("button", name="log").click()
    compared.wait_for_plot("metric", "plot.layout.yaxis.type === 'linear'")
    asked = {"x": "gradient_equivalents", "metric": "gradient_norm", "log": "0"}
    assert view(compared) == asked

    page.reload()
    compared.wait_for_plot("metric", "plot?.layout?.yaxis.type === 'linear' && plot.data[0].y[0] === 0.5")
    assert view(compared) == asked
    expect(page.get_by_role("combobox", name="Metric")).to_have_value("gradient_norm")

    page.go_back()
    compared.wait_for_plot("metric", "plot.layout.yaxis.type === 'log'")
    page.go_back()
    compared.wait_for_plot("metric", "plot.data[0].y[0] === 8")
    expect(page.get_by_label("Gradient equivalents", exact=True)).to_be_checked()
    page.go_back()
    compared.wait_for_plot("metric", "plot.data[0].x[1] === 2")
    expect(page.get_by_label("Step", exact=True)).to_be_checked()


def test_rows_that_arrive_continue_the_running_total(
    compared: Window, pair: tuple[Recorder, Recorder]
) -> None:
    compared.page.get_by_label("Gradient equivalents", exact=True).check(force=True)
    compared.wait_for_plot("metric", "plot.data[0].x[1] === 6")
    pair[0].send(rows(3, [2.0, 1.0]))
    compared.wait_for_step("metric", 4)
    assert compared.line("metric", 0) == [[3, 6, 9, 12], [8, 4, 2, 1]]
    row = compared.page.locator("[data-part=summary] tbody tr").first
    expect(row.locator("td").nth(6)).to_have_text("12")
    expect(row.locator("td").nth(2)).to_have_text("1")


def test_only_settings_that_differ_are_listed(compared: Window) -> None:
    table = compared.page.locator("[data-part=differences]")
    assert table.locator("tbody tr").all_inner_texts() == ["config.lr\t0.1\t0.2"]


def test_runs_are_added_and_removed(
    compared: Window, http: httpx.Client, pair: tuple[Recorder, Recorder]
) -> None:
    third = Recorder(http, "third")
    compared.page.reload()
    compared.page.get_by_label("Add a run").select_option(third.id)
    compared.page.wait_for_url(f"**{third.id}*")
    expect(compared.page.locator("[data-part=summary] tbody tr")).to_have_count(3)
    compared.page.get_by_role("link", name="Remove second from the comparison").click()
    expect(compared.page.locator("[data-part=summary] tbody tr")).to_have_count(2)
    assert parse_qs(urlsplit(compared.page.url).query)["runs"] == [f"{pair[0].id},{third.id}"]


def test_a_figure_follows_the_system_between_light_and_dark(compared: Window) -> None:
    line, ink = compared.plot("metric", "[plot.data[0].line.color, plot.layout.font.color]")
    compared.page.emulate_media(color_scheme="dark")
    compared.wait_for_plot(
        "metric", f"plot.data[0].line.color !== '{line}' && plot.layout.font.color !== '{ink}'"
    )
    assert compared.line("metric", 0) == [[1, 2], [8, 4]]
