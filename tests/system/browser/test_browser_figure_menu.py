"""The menu of every figure: a larger one, the data, files, a link."""

import csv
import io
import struct
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from system.browser.recording import Recorder
from system.browser.window import Window, opened, rows

NAME = "Größe <b>1</b>"
STEPS = 640


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(Settings(data_dir=tmp_path_factory.mktemp("lab"), port=0)) as address:
        yield address


@pytest.fixture(scope="module")
def run(url: str) -> Iterator[Recorder]:
    """A run of 640 steps that goes on; one loss is NaN."""
    with httpx.Client(base_url=f"{url}/api/v1") as http:
        run = Recorder(http, NAME)
        losses: list[float | str] = [1000.0 / step for step in range(1, STEPS + 1)]
        losses[1] = "NaN"
        run.send(rows(1, losses, damping=0.25))
        yield run


@pytest.fixture
def page(window: Window, run: Recorder) -> Page:
    window.page.goto(f"/runs/{run.id}")
    window.wait_for_step("loss", STEPS)
    return window.page


def choose(page: Page, item: str, within: str = "#figure-loss") -> None:
    page.locator(f"{within} figure-menu > button").click()
    page.get_by_role("menuitem", name=item).click()


def saved(page: Page, item: str, folder: Path) -> Path:
    with page.expect_download() as download:
        choose(page, item)
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_a_png_is_opaque_and_large_and_named_after_its_run(page: Page, tmp_path: Path) -> None:
    path = saved(page, "Download PNG", tmp_path)
    assert path.name == "loss-of-gro-e-b-1-b.png"
    image = path.read_bytes()
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", image[16:24]) == (2400, 1440)
    corner = page.evaluate(
        """async (data) => {
             const picture = new Image();
             picture.src = `data:image/png;base64,${data}`;
             await picture.decode();
             const canvas = Object.assign(document.createElement("canvas"), { width: 9, height: 9 });
             canvas.getContext("2d").drawImage(picture, 0, 0);
             return [...canvas.getContext("2d").getImageData(2, 2, 1, 1).data];
           }""",
        b64encode(image).decode(),
    )
    assert corner == [255, 255, 255, 255]


def test_an_svg_says_what_it_shows_in_the_pages_theme(
    browser: Browser, url: str, run: Recorder, tmp_path: Path
) -> None:
    with opened(browser, url, scheme="dark") as window:
        window.page.goto(f"/runs/{run.id}")
        window.wait_for_step("loss", STEPS)
        drawing = ElementTree.parse(saved(window.page, "Download SVG", tmp_path))
        assert not window.complaints
    texts = ["".join(text.itertext()) for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert f"Loss · {NAME}" in texts
    assert "Step" in texts
    paper = drawing.getroot()[0]
    assert (paper.get("width"), paper.get("height")) == ("1200", "720")
    assert paper.get("style") == "fill: rgb(20, 24, 31); fill-opacity: 1;"


def test_the_csv_is_what_is_drawn_and_all_rows_are_the_runs_own(
    page: Page, run: Recorder, tmp_path: Path
) -> None:
    text = saved(page, "Download data as CSV", tmp_path).read_text(encoding="utf-8")
    head, *body = csv.reader(io.StringIO(text))
    assert head == ["Step", "Loss"]
    assert [row[0] for row in body] == [str(step) for step in range(1, STEPS + 1)]
    assert [row[1] for row in body[:4]] == ["1000", "NaN", str(1000 / 3), "250"]
    page.locator("#figure-loss figure-menu > button").click()
    link = page.get_by_role("menuitem", name="All rows of the run as CSV")
    assert link.get_attribute("href") == f"/api/v1/runs/{run.id}/metrics.csv"


def test_a_table_takes_the_plots_place_and_grows(page: Page, run: Recorder) -> None:
    choose(page, "Show data table")
    table = page.get_by_role("region", name="Data of Loss").get_by_role("table")
    expect(table.locator("caption")).to_have_text(
        f"The last 500 of {STEPS} rows that are drawn; the CSV has all of them."
    )
    expect(table.locator("tbody tr")).to_have_count(500)
    assert table.locator("thead th[scope=col]").all_text_contents() == ["Step", "Loss"]
    assert table.locator("tbody tr").last.locator("th[scope=row], td").all_text_contents() == [
        "640",
        "1.56250",
    ]
    expect(page.locator("#figure-loss .plot")).not_to_be_visible()
    run.send(rows(STEPS + 1, [0.5], damping=0.25))
    expect(table.locator("tbody tr").last).to_have_text("6410.500000")
    page.get_by_role("region", name="Data of Loss").focus()
    page.keyboard.press("ArrowLeft")  # scrolls, and picks no step
    assert "step=" not in page.url
    choose(page, "Show the plot")
    expect(page.locator("#figure-loss .plot")).to_be_visible()
    expect(table).to_have_count(0)


def test_an_enlarged_figure_is_drawn_anew_and_escape_leads_back(page: Page) -> None:
    small = page.locator("#figure-loss .main-svg").first.bounding_box()
    choose(page, "Enlarge")
    dialog = page.get_by_role("dialog", name="Loss")
    expect(dialog.locator(".js-plotly-plot .scatterlayer path").first).to_be_attached()
    large = dialog.locator(".main-svg").first.bounding_box()
    assert small
    assert large
    assert large["width"] * large["height"] > 1.8 * small["width"] * small["height"]
    box = dialog.locator(".nsewdrag").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 100, steps=4)
    page.mouse.up()
    page.wait_for_url("**zoom=loss~*")  # and the figure on the page shows the same part
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    zoom = page.locator("#figure-loss").get_attribute("zoom")
    assert zoom
    assert [float(bound) for bound in zoom.split(",")] == pytest.approx([STEPS / 4, STEPS / 2], abs=40)
    expect(page.locator("#figure-loss figure-menu > button")).to_be_focused()


def test_a_link_leads_to_the_figure_in_the_same_view(browser: Browser, url: str, run: Recorder) -> None:
    with opened(browser, url, permissions=["clipboard-read", "clipboard-write"]) as window:
        window.page.goto(f"/runs/{run.id}")
        window.see_all()
        choose(window.page, "Copy link to this view", "#figure-damping")
        expect(window.page.get_by_text("Link copied")).to_be_visible()
        link = window.page.evaluate("navigator.clipboard.readText()")
        assert link == f"{url}/runs/{run.id}#figure-damping"
        window.page.goto("about:blank")
        window.page.goto(link)
        expect(window.page.locator("#figure-damping")).to_be_in_viewport()


def test_the_menu_is_worked_by_keyboard(page: Page) -> None:
    button = page.locator("#figure-loss figure-menu > button")
    button.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Enlarge")).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("menuitem", name="Copy link to this view")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Enlarge")).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "false")


def test_a_figure_that_does_not_come_says_so_and_can_be_asked_for_again(
    browser: Browser, url: str, run: Recorder
) -> None:
    with opened(browser, url) as window:  # which complains of the requests that fail
        card = window.page.locator("#figure-loss")
        window.page.route("**/plotly-*.js", lambda route: route.abort())
        window.page.goto(f"/runs/{run.id}")
        expect(card).to_contain_text("The program that draws did not load.")
        window.page.unroute("**/plotly-*.js")
        card.get_by_role("button", name="Try again").click()
        window.wait_for_step("loss", STEPS)

        window.page.route("**/figures/loss*", lambda route: route.abort())
        window.page.reload()
        expect(card).to_contain_text("The server does not answer. Is it still running?")
        window.page.unroute("**/figures/loss*")
        card.get_by_role("button", name="Try again").click()
        window.wait_for_step("loss", STEPS)
        expect(card.locator(".plot-message")).to_be_hidden()


def test_nothing_that_is_drawn_is_offered_to_a_service_elsewhere(page: Page) -> None:
    buttons = page.locator("#figure-loss .modebar-btn")
    assert [button.get_attribute("data-title") for button in buttons.all()] == ["Zoom", "Pan", "Reset axes"]
