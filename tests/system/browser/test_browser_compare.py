"""The compare page: charts side by side under one legend, one x and one address."""

import pytest
from playwright.sync_api import Browser, Page, expect

from system.browser.comparing import Lab, chart, query, see, wait, ys
from system.browser.recording import Recorder
from system.browser.window import PHONE, Window, opened, rows


def test_a_run_has_one_colour_everywhere_and_keeps_it_when_others_come(comparison: Window, lab: Lab) -> None:
    page = see(comparison, lab.address(1))
    alone = chart(page, "plot.data[0].line")
    see(comparison, lab.address(2, 1, 3))
    lines = chart(page, "plot.data.map(({ line }) => line)")
    assert lines[1] == alone
    assert len({(line["color"], line["dash"]) for line in lines}) == 3
    for place in ("compare-legend", "compare-summary tbody"):
        swatches = page.locator(f"{place} .line-swatch")
        expect(swatches).to_have_count(3)
        shown = swatches.evaluate_all("(all) => all.map((one) => getComputedStyle(one).color)")
        assert shown == [rgb(line["color"]) for line in lines]


def rgb(colour: str) -> str:
    """A colour in hexadecimal as a browser's styles have it."""
    return f"rgb({', '.join(str(int(colour[place : place + 2], 16)) for place in (1, 3, 5))})"


def test_charts_share_what_is_chosen_and_the_address_holds_all_of_it(comparison: Window, lab: Lab) -> None:
    page = see(comparison, lab.address(0, 1, metrics="loss"))
    page.locator("[name=x]").select_option("gradient_equivalents")
    wait(page, "plot.data[0].x[1] === 6")
    page.locator("[name=add]").select_option("gradient_norm")
    wait(page, "plot?.data?.[0].x[1] === 6", "gradient_norm")
    page.get_by_role("button", name="log x").first.click()
    wait(page, "plot.layout.xaxis.type === 'log'")
    wait(page, "plot.layout.xaxis.type === 'log'", "gradient_norm")
    page.locator("[data-metric=loss] [data-action=log]").click()
    wait(page, "plot.layout.yaxis.type === 'linear'")
    expect(page.locator("[data-metric=loss] [data-action=log]")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("[data-metric=gradient_norm] [data-action=log]")).to_have_attribute(
        "aria-pressed", "true"
    )
    asked = {"metrics": "loss,gradient_norm", "x": "gradient_equivalents", "logx": "1", "log": "-loss"}
    assert query(page) == asked

    page.reload()
    wait(
        page,
        "plot?.data?.[0].x[1] === 6 && plot.layout.yaxis.type === 'linear' && plot.layout.xaxis.type === 'log'",
    )
    wait(page, "plot?.layout?.yaxis.type === 'log'", "gradient_norm")
    expect(page.locator("[name=x]")).to_have_value("gradient_equivalents")
    assert query(page) == asked

    for gone in ("log", "logx"):
        page.go_back()
        assert gone not in query(page)
    page.go_back()
    expect(page.locator("[data-metric=gradient_norm]")).to_have_count(0)
    page.go_back()
    wait(page, "plot.data[0].x[1] === 2 && plot.layout.yaxis.type === 'log'")
    page.get_by_role("button", name="Remove the chart of Loss").click()
    expect(page.locator(".charts live-figure")).to_have_count(0)
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page.locator(".charts live-figure")).to_have_count(2)

    # One that comes back last and is then moved to the front lives on.
    page.get_by_role("button", name="Remove the chart of Loss").click()
    page.locator("[name=add]").select_option("loss")
    wait(page, "plot?.data?.length === 2")
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page.locator(".charts live-figure").first).to_have_attribute("data-metric", "loss")
    wait(page, "plot.data?.length === 2 && plot.querySelectorAll('.scatterlayer .trace').length > 0")
    page.locator("[data-metric=loss] [data-action=log]").click()
    wait(page, "plot.layout.yaxis.type === 'linear'")
    page.locator("[data-metric=loss] figure-menu > button").click()
    expect(page.get_by_role("menuitem", name="Enlarge")).to_be_visible()


def test_one_legend_isolates_hides_and_points_in_all_charts(comparison: Window, lab: Lab) -> None:
    page = see(comparison, lab.address(0, 1, 2))
    wait(page, "plot?.data?.length === 3", "gradient_norm")
    visible = "plot.data.map(({ visible }) => visible).join()"
    page.get_by_role("button", name="second", exact=True).click()
    for metric in ("loss", "gradient_norm"):
        wait(page, f"{visible} === 'false,true,false'", metric)
    assert query(page) == {"only": lab.runs[1].id}
    page.reload()
    wait(page, f"plot?.data && {visible} === 'false,true,false'")
    _look_closely(page)
    page.get_by_role("button", name="second", exact=True).click()
    wait(page, f"{visible} === 'true,true,true'")
    page.get_by_role("button", name="Show first").click()
    wait(page, f"{visible} === 'false,true,true'")
    expect(page.get_by_role("button", name="Show first")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Show all").click()
    wait(page, f"{visible} === 'true,true,true'")

    area = page.locator("[data-metric=loss] .nsewdrag").first.bounding_box()
    assert area
    for share in (
        0.4,
        0.5,
    ):  # the pointer's step is shown in the other charts, at the same share of their width
        page.mouse.move(area["x"] + share * area["width"], area["y"] + 60)
    cursor = page.locator("[data-metric=gradient_norm] .figure-line.cursor")
    expect(cursor).to_be_visible()
    other = page.locator("[data-metric=gradient_norm] .nsewdrag").first.bounding_box()
    line = cursor.bounding_box()
    assert other
    assert line
    assert (line["x"] - other["x"]) / other["width"] == pytest.approx(0.5, abs=0.02)
    page.get_by_role("heading", name="Compare").hover()
    expect(cursor).to_be_hidden()

    page.get_by_role("button", name="third", exact=True).hover()
    drawn = "[...plot.querySelectorAll('.scatterlayer > .trace')]"
    faded = f"{drawn}.map((line) => Number(line.style.opacity || 1) < 0.5).join()"
    for metric in ("loss", "gradient_norm"):
        wait(page, f"{faded} === 'true,true,false'", metric)
    page.get_by_role("heading", name="Compare").hover()
    wait(page, f"{faded} === 'false,false,false'")


def _look_closely(page: Page) -> None:
    """A chart's table and a larger one show what the chart shows, and the larger one says whose line is whose."""
    more = page.locator("[data-metric=loss] figure-menu > button").first
    more.click()
    page.get_by_role("menuitem", name="Show data table").click()
    expect(page.get_by_role("region", name="Data of Loss").locator("thead th")).to_have_text(
        ["Step", "second"]
    )
    more.click()
    page.get_by_role("menuitem", name="Show the plot").click()
    more.click()
    page.get_by_role("menuitem", name="Enlarge").click()
    dialog = page.get_by_role("dialog", name="Loss")
    expect(dialog.locator(".legendtext")).to_have_text(["second"])
    expect(dialog.locator("[data-action=close]")).to_have_count(0)
    dialog.locator("[data-action=log]").click()
    page.wait_for_url("**log=-loss*")  # of what its reader does there the page hears
    dialog.get_by_role("button", name="Close").click()
    wait(page, "plot.layout.yaxis.type === 'linear'")
    page.locator("[data-metric=loss] [data-action=log]").click()
    expect(dialog).to_have_count(0)


def test_a_baseline_is_what_the_others_are_seen_from(comparison: Window, lab: Lab) -> None:
    page = see(comparison, lab.address(0, 1))
    page.get_by_role("button", name="Baseline: first").click()
    wait(page, "plot.data[1].y[1] === 1")
    assert ys(page) == [[0, 0], [-1, 1]]
    expect(page.get_by_role("heading", name="Loss minus that of first")).to_be_visible()
    page.locator("[name=relation]").select_option("ratio")
    wait(page, "plot.data[1].y[1] === 1.25")
    assert query(page) == {"baseline": lab.runs[0].id, "relation": "ratio"}
    page.locator("[data-action=unpin]").click()
    wait(page, "plot.data[1].y[1] === 5")


def test_groups_have_a_line_with_a_band_and_a_place_in_the_legend(comparison: Window, lab: Lab) -> None:
    page = see(comparison, lab.address(0, 1, 2))
    page.locator("[name=group]").select_option("optimizer")
    wait(page, "plot.data[0].fill === 'toself'")
    assert chart(page, "plot.data[1].y") == [7.5, 4.5, None]
    assert chart(page, "plot.data[2].line.dash") == "dot"
    fill, line = chart(page, "[plot.data[0].fillcolor, plot.data[1].line.color]")
    assert fill.startswith(line)
    expect(page.locator("compare-legend h2")).to_have_text("2 groups")
    page.locator("[name=middle]").select_option("median")
    page.locator("[name=band]").select_option("range")
    wait(page, "plot.data[0].y[0] === 8")
    page.get_by_role("button", name="newton", exact=True).click()
    wait(page, "plot.data.map(({ visible }) => visible).join() === 'false,false,false,true'")
    assert query(page) == {"group": "optimizer", "middle": "median", "band": "range", "hide": "adam"}
    page.get_by_role("button", name="2 runs").click()
    expect(page.locator("compare-legend").get_by_role("link", name="second")).to_be_visible()
    page.reload()
    wait(page, "plot?.data?.map(({ visible }) => visible).join() === 'false,false,false,true'")


def test_smoothing_keeps_what_was_measured_faint_and_goes_on_with_new_rows(
    comparison: Window, lab: Lab
) -> None:
    run = Recorder(lab.http, "going on")
    run.send(rows(1, [8.0, 4.0]))
    page = see(comparison, f"/compare?runs={run.id}&smooth=0.5")
    raw, smoothed = ys(page)
    assert (raw, smoothed) == ([8, 4], [8, pytest.approx(16 / 3)])
    assert chart(page, "plot.data[0].opacity") < 0.5
    run.send(rows(3, [2.0]))
    wait(page, "plot.data[1].y.length === 3")
    assert ys(page)[1][2] == pytest.approx(24 / 7)
    page.get_by_label("Smoothing").fill("0")
    wait(page, "plot.data.length === 1")
    expect(page.locator("output")).to_have_text("off")
    page.get_by_label("Smoothing").fill("40")
    wait(page, "plot.data.length === 2")
    assert query(page) == {"smooth": "0.9"}


def test_rows_that_arrive_continue_lines_and_totals(comparison: Window, lab: Lab) -> None:
    run = Recorder(lab.http, "growing")
    run.send(rows(1, [8.0, 4.0]))
    page = see(comparison, f"/compare?runs={run.id}&x=gradient_equivalents")
    expect(page.locator("compare-summary tbody td").last).to_have_text("6")
    # What its reader does in the table meanwhile is not undone.
    page.evaluate("getSelection().selectAllChildren(document.querySelector('compare-summary tbody th a'))")
    page.get_by_role("button", name="Best loss").focus()
    run.send(rows(3, [2.0, 1.0]))
    wait(page, "plot.data[0].y.length === 4")
    assert chart(page, "[plot.data[0].x, plot.data[0].y]") == [[3, 6, 9, 12], [8, 4, 2, 1]]
    expect(page.locator("compare-summary tbody td").last).to_have_text("12")
    expect(page.get_by_role("button", name="Best loss")).to_be_focused()
    assert page.evaluate("getSelection().toString()") == "growing"


def test_a_figure_follows_the_system_between_light_and_dark(comparison: Window, lab: Lab) -> None:
    """One that is far away does when its reader comes near: all at once would take long."""
    page = see(comparison, lab.address(0))
    wait(page, "plot?.data?.length > 0", "gradient_norm")
    line, ink = chart(page, "[plot.data[0].line.color, plot.layout.font.color]")
    dark = f"plot.data[0].line.color !== '{line}' && plot.layout.font.color !== '{ink}'"
    far = page.locator("[data-metric=loss]")
    far.evaluate("(figure) => { figure.style.display = 'none'; }")
    page.wait_for_timeout(200)  # the browser tells the figure with its next frame
    page.emulate_media(color_scheme="dark")
    wait(page, dark, "gradient_norm")
    assert not chart(page, dark)
    far.evaluate("(figure) => { figure.style.display = ''; }")
    wait(page, dark)
    assert ys(page) == [[8, 4]]


def test_a_hundred_runs_fit_on_a_phone(browser: Browser, lab: Lab) -> None:
    runs = [Recorder(lab.http, f"run {number} of many") for number in range(100)]
    for number, run in enumerate(runs):
        run.send(rows(1, [number + 1.0, 1.0]))
    with opened(browser, lab.url, size=PHONE) as phone:
        page = see(phone, f"/compare?metrics=loss&runs={','.join(run.id for run in runs)}")
        assert chart(page, "plot.data.length") == 100
        expect(page.locator("compare-legend [data-key]")).to_have_count(100)
        assert phone.overflow() == 0
        assert not phone.complaints
