"""The table of thousands of runs: filters, columns, groups, views."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Locator, expect

from system.browser.many import expect_count, rows, total
from system.browser.window import PHONE, Window, opened

RUNS = 2400
CURVES = 60
HESSIANFREE = RUNS // 4


def column(window: Window, name: str) -> list[str]:
    texts: list[str] = window.page.locator(f".runs tbody [data-column='{name}']").all_inner_texts()
    return texts


def box(window: Window) -> Locator:
    return window.page.get_by_label("Filter by")


def asked(window: Window) -> dict[str, list[str]]:
    return parse_qs(urlsplit(window.page.url).query, keep_blank_values=True)


def test_only_a_page_of_them_is_loaded(table: Window) -> None:
    table.page.goto("/")
    expect_count(table, "2\u202f400 runs")
    expect(rows(table)).to_have_count(50)
    table.page.get_by_role("button", name="Show more runs").click()
    expect(rows(table)).to_have_count(100)
    # Sixty have recorded steps; the curve of a row that nobody sees is not asked for.
    expect(table.page.locator(".sparkline").first).to_be_visible()
    assert 5 < table.page.locator(".sparkline").count() < 50
    assert table.page.locator(".sparkline .odd").count() > 0
    table.photograph("runs-many")


def test_a_filter_is_answered_by_the_server_and_kept_in_the_address(table: Window, api: httpx.Client) -> None:
    text = "optimizer = hessianfree and loss.min < 0.1"
    table.page.goto("/")
    box(table).fill(text)
    box(table).press("Enter")
    expect_count(table, f"{total(api, filter=text)} runs")
    table.page.get_by_role("button", name="Best loss").click()
    expect(table.page.get_by_role("columnheader", name="Best loss")).to_have_attribute(
        "aria-sort", "ascending"
    )
    best = api.get("/runs", params={"filter": text, "sort": "loss.min", "limit": 1}).json()["items"][0]
    expect(rows(table).first).to_contain_text(best["name"])
    assert set(column(table, "optimizer")) == {"hessianfree"}
    values = [float(value) for value in column(table, "loss.min")]
    assert values == sorted(values)
    assert asked(table) == {"q": [text], "sort": ["loss.min"]}
    table.page.reload()
    expect(rows(table).first).to_contain_text(best["name"])
    expect(box(table)).to_have_value(text)


def test_what_is_wrong_with_a_filter_is_said_beside_it(table: Window) -> None:
    table.page.goto("/")
    expect(rows(table)).to_have_count(50)
    box(table).fill("loss.min < big")
    fault = table.page.locator("[data-part=fault]")
    expect(fault).to_contain_text("At character 12: loss.min is a number; 'big' is none.")
    expect(fault.locator("mark")).to_have_text("b")
    expect(box(table)).to_have_attribute("aria-invalid", "true")
    expect(rows(table)).to_have_count(50)
    box(table).fill("loss.min < 0.001")
    expect(fault).to_be_hidden()
    expect_count(table, "3 runs")
    table.page.goto("/?q=loss.min+<")
    expect(fault).to_contain_text("a value was expected after '<', not the end.")
    assert len(table.complaints) == 1
    assert "422" in table.complaints.pop()  # what a browser notes of such an answer


def test_names_are_completed_by_keyboard(table: Window, api: httpx.Client) -> None:
    table.page.goto("/")
    box(table).press_sequentially("optimizer_params.l")
    expect(table.page.get_by_role("option", name="optimizer_params.lr", exact=True)).to_be_visible()
    box(table).press("ArrowDown")
    box(table).press("Tab")
    expect(box(table)).to_have_value("optimizer_params.lr ")
    expect(box(table)).to_be_focused()
    box(table).press_sequentially("< 0.01")
    expect_count(table, f"{total(api, filter='optimizer_params.lr < 0.01')} runs")


def test_any_metric_or_key_can_be_a_column(table: Window) -> None:
    table.page.goto("/")
    table.page.get_by_role("button", name="Columns").click()
    dialog = table.page.get_by_role("dialog", name="Columns")
    for name in ("optimizer_params.lr", "eval_loss.min"):
        dialog.get_by_label("Find a column").fill(name)
        dialog.locator(f"[data-part=offered] [data-name='{name}']").click()
    up = dialog.get_by_role("button", name="Move optimizer_params.lr up")
    for _ in range(8):
        up.press("Enter")
    dialog.get_by_role("button", name="Leave out Problem").click()
    dialog.get_by_role("button", name="Done").click()
    (shown,) = asked(table)["columns"]
    assert shown.split(",")[0] == "optimizer_params.lr"
    assert shown.split(",")[-1] == "eval_loss.min"
    assert "problem" not in shown.split(",")
    table.page.get_by_role("button", name="lr", exact=True).click()
    expect(table.page.get_by_role("columnheader", name="lr", exact=True)).to_have_attribute(
        "aria-sort", "ascending"
    )
    expect(rows(table).first.locator("[data-column='optimizer_params.lr']")).to_have_text("0.001")
    assert table.overflow() <= 0
    table.page.reload()
    expect(table.page.get_by_role("columnheader").nth(2)).to_have_text("lr")


def test_groups_show_mean_and_band_and_open(table: Window, api: httpx.Client) -> None:
    table.page.goto("/")
    table.page.get_by_label("Group by").select_option("optimizer")
    expect(table.page.locator(".group-row")).to_have_count(4)
    groups = api.get("/runs/groups", params={"by": "optimizer", "metrics": "loss.min"}).json()["items"]
    spread = groups[1]["values"]["loss.min"]
    row = table.page.locator(".group-row").nth(1)
    expect(row).to_contain_text("hessianfree")
    expect(row).to_contain_text(f"{HESSIANFREE} runs")
    assert float(row.locator("[data-column='loss.min'] .mean").inner_text()) == pytest.approx(
        spread["mean"], rel=1e-3
    )
    row.get_by_role("button").press("Enter")
    expect(table.page.locator(".runs tbody tr[data-run]")).to_have_count(50)
    expect(table.page.locator(".group-toggle").nth(1)).to_be_focused()
    assert set(column(table, "optimizer")) == {"hessianfree"}
    table.page.get_by_role("button", name="Show more of this group").click()
    expect(table.page.locator(".runs tbody tr[data-run]")).to_have_count(100)
    table.photograph("runs-groups")
    table.page.go_back()
    expect(table.page.locator(".group-row")).to_have_count(0)


def test_a_view_is_saved_found_again_and_opens_first(table: Window, api: httpx.Client) -> None:
    table.page.goto("/?q=tag+%3D+paper&sort=loss.min")
    views = table.page.locator("runs-views > button")
    views.click()
    table.page.get_by_role("menuitem", name="Save this view").click()
    table.page.get_by_label("Name", exact=True).fill("Best of the paper")
    table.page.get_by_role("button", name="Save").click()
    expect(views).to_have_text("Best of the paper")
    table.page.goto("/")
    expect(views).to_have_text("Views")
    views.click()
    table.page.get_by_role("menuitemradio", name="Best of the paper").click()
    expect_count(table, f"{total(api, filter='tag = paper')} runs")
    assert asked(table) == {"q": ["tag = paper"], "sort": ["loss.min"]}
    views.click()
    table.page.get_by_role("menuitem", name="Manage views").click()
    table.page.get_by_role("button", name="Opens first").nth(1).click()
    table.page.get_by_role("button", name="Close").click()
    table.page.goto("/")
    expect(box(table)).to_have_value("tag = paper")
    views.click()
    table.page.get_by_role("menuitem", name="Manage views").click()
    table.page.get_by_role("button", name="Delete Best of the paper").click()
    expect(table.page.get_by_role("button", name="Delete Best of the paper")).to_have_count(0)
    assert api.get("/views").json()["items"] == []


def test_the_table_is_a_file_as_it_is_filtered(table: Window, api: httpx.Client) -> None:
    table.page.goto("/?q=loss.min+<+0.01&sort=loss.min&columns=loss.min,optimizer_params.lr")
    expect(rows(table)).not_to_have_count(0)
    table.page.get_by_role("button", name="Export").click()
    with table.page.expect_download() as started:
        table.page.get_by_role("menuitem", name="All that pass, as CSV").click()
    lines = Path(started.value.path()).read_text(encoding="utf-8").splitlines()
    assert lines[0] == "id,name,loss.min,optimizer_params.lr"
    assert len(lines) == total(api, filter="loss.min < 0.01") + 1
    values = [float(line.split(",")[2]) for line in lines[1:]]
    assert values == sorted(values)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_window(browser: Browser, filled: str, scheme: str) -> None:
    with opened(browser, filled, size=PHONE, scheme=scheme) as window:
        for view in ("", "?group=optimizer", "?q=loss.min+<"):
            window.page.goto(f"/{view}")
            expect(
                window.page.locator(".runs tbody tr, [data-part=fault]:not([hidden])").first
            ).to_be_visible()
            assert window.overflow() <= 0
        window.page.goto("/")
        window.page.locator(".runs tbody input[type=checkbox]").first.check()
        expect(window.page.locator("[data-part=bar]")).to_be_visible()
        assert window.overflow() <= 0
        window.photograph(f"runs-many-phone-{scheme}")
        assert not window.complaints
