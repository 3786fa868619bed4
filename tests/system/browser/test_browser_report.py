"""A run's report, opened from a disk by a browser without a network."""

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from system.browser.recording import Recorder
from system.browser.window import PHONE, opened, rows

NAME = "</title></script><script>document.title = 'taken'</script>"
DRAWN = """() => [...document.querySelectorAll(".plot")]
     .every((plot) => plot.querySelector(".trace, .hm, .bars"))"""
INK = "getComputedStyle(document.querySelector('.xtick text')).fill"
ON_PAPER, ON_BLACK = "rgb(60, 69, 84)", "rgb(188, 197, 210)"


@pytest.fixture
def report(url: str, http: httpx.Client, tmp_path: Path) -> Path:
    run = Recorder(http, NAME, config={"lr": NAME})
    trace = {
        "step": 2, "stop": NAME, "damping": 0.5, "model_values": [0.0, -1.0, -1.5], "residual_norms": [4.0, 2.0, 1.0],
    }  # fmt: skip
    run.send(rows(1, [8.0, 4.0, "NaN"], damping=0.5, cg_iterations=2, cg_stop=NAME), cg=[trace])
    run.finish("failed", cause="diverged", error=NAME)
    file = tmp_path / "report.html"
    file.write_bytes(http.get(f"/runs/{run.id}/report.html").content)
    return file


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_opens_from_a_disk_without_server_or_network(
    browser: Browser, report: Path, scheme: str
) -> None:
    with opened(browser, "file:///", size=PHONE, scheme=scheme, offline=True) as window:
        window.page.goto(report.as_uri())
        window.page.wait_for_function(DRAWN)
        assert window.page.locator(".plot").count() >= 4
        assert window.page.title() == f"{NAME} · HessianFree Lab"
        assert window.overflow() <= 0
        assert window.page.evaluate(INK) == {"light": ON_PAPER, "dark": ON_BLACK}[scheme]
        window.photograph(f"report-phone-{scheme}")
        # On paper it is light, whatever the screen is.
        window.page.emulate_media(media="print")
        window.page.wait_for_function(f"() => {INK} === '{ON_PAPER}'")
        assert not window.complaints
