"""Whatever users, scripts, jobs and workers write is shown as text: on every page, in every figure."""

from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Page, expect

from system.browser.recording import Recorder
from system.browser.window import Window, rows

EVIL = (
    "\"'></script></title><script>hacked()</script><img src=x onerror=hacked()><svg onload=hacked()>"
    '<a href="javascript:hacked()">link</a>{{7*7}}${7*7}</textarea></style>'
)
SHORT = "<img src=x onerror=hacked()>"  # where no more fits
LINK = '<a href="https://elsewhere.example">here</a>'
KEY = "<img/src=x/onerror=hacked()>"

# What would be there had any of it become more than text.
INJECTED = """
[...document.querySelectorAll(
   "[onerror], [onload], [src='x'], iframe, object, embed, base, a[href^='javascript:'], a[href*='elsewhere'], svg a"
 )].map((element) => element.outerHTML)
 .concat([...document.scripts].filter((script) => script.type !== "application/json" && script.text.includes("hacked"))
                              .map((script) => script.outerHTML))
 .concat(window.violations)
"""
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
});
window.hacked = () => window.violations.push("a script of somebody else has run");
"""


@pytest.fixture
def script_run(http: httpx.Client) -> str:
    """A script's run, ended with an error; evil in everything that may be text."""
    run = Recorder(
        http,
        EVIL[:200],
        problem=EVIL[:100],
        optimizer=EVIL[:100],
        config={KEY: EVIL, "nested": {KEY: [EVIL]}},
        tags=[SHORT, LINK],
        notes=EVIL,
    )
    steps = rows(
        1, [4.0, 2.0, "NaN", 1.0], cg_stop=EVIL, rejection=EVIL, note=LINK, cg_iterations=3, damping=1.0
    )
    run.send(
        steps,
        cg=[
            {
                "step": 4,
                "stop": EVIL,
                "model_values": [0, -1],
                "residual_norms": [1, 0.5],
                "ritz_values": [1.0],
            }
        ],
        logs=[{"number": 0, "text": EVIL}, {"number": 1, "text": LINK, "stream": "stderr"}],
        environment={KEY: EVIL, "host": EVIL, "device": EVIL, "versions": {KEY: EVIL}},
    )
    run.finish("failed", error=f"{EVIL}\n\nTraceback\n{EVIL}", cause="error")
    return run.id


@pytest.fixture
def job(http: httpx.Client) -> str:
    """A job that runs on a worker; evil in all that the worker says of itself and of what it can."""
    schema = {
        "type": "object",
        "title": EVIL,
        "properties": {
            KEY: {"type": "string", "title": EVIL, "description": EVIL, "default": EVIL},
            "choice": {"enum": [EVIL, LINK], "default": EVIL, "title": LINK, "description": LINK},
            "damping": {"type": "number", "default": 1.0, "title": EVIL, "description": EVIL},
        },
    }
    info = {"title": EVIL, "description": EVIL, "params_schema": schema}
    announced = {
        "name": EVIL[:200],
        "host": EVIL[:200],
        "pid": 1,
        "devices": [{"name": EVIL, "title": EVIL}, {"name": "cpu", "title": LINK}],
        "problems": [info | {"name": KEY, "metrics": {"loss": EVIL, KEY: EVIL}}],
        "optimizers": [info | {"name": KEY, "settable": ["damping"]}],
        "versions": {KEY: EVIL, "torch": LINK},
    }
    registered = http.post("/workers", json=announced)
    registered.raise_for_status()
    made = http.post(
        "/jobs", json={"name": EVIL[:200], "problem": KEY, "optimizer": KEY, "notes": EVIL, "tags": [SHORT]}
    )
    made.raise_for_status()
    http.post(f"/workers/{registered.json()['id']}/claim", json={}).raise_for_status()
    run: str = made.json()["id"]
    http.post(f"/jobs/{run}/set", json={"damping": 2.0}).raise_for_status()
    applied = [{"number": 1, "step": 2, "error": EVIL}]
    http.post(
        f"/runs/{run}/records", json={"steps": rows(1, [3.0, 2.0]), "applied": applied}
    ).raise_for_status()
    return run


def is_unharmed(page: Page, where: str) -> None:
    assert page.evaluate(INJECTED) == [], where


def test_what_others_write_is_text_on_every_page(
    window: Window, http: httpx.Client, script_run: str, job: str
) -> None:
    page = window.page
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.add_init_script(WATCH)

    page.goto("/")
    expect(page.locator("main")).to_contain_text(SHORT)
    is_unharmed(page, "runs")

    for run in (script_run, job):
        page.goto(f"/runs/{run}")
        expect(page.locator("main")).to_contain_text(SHORT)
        window.see_all()
        expect(page.get_by_role("heading", level=1)).to_contain_text("{{7*7}}")
        # And again when it comes with the stream, while the page is open.
        http.patch(f"/runs/{run}", json={"name": f"again {EVIL}"[:200]}).raise_for_status()
        expect(page.get_by_role("heading", level=1)).to_contain_text("again")
        is_unharmed(page, f"run {run}")
    late = {"number": 0, "text": f"late {EVIL}"}
    http.post(f"/runs/{job}/records", json={"steps": rows(3, [1.0], cg_stop=EVIL), "logs": [late]})
    window.wait_for_step("loss", 3)
    expect(page.locator("log-view")).to_contain_text("late")
    is_unharmed(page, "a run that goes on")

    page.goto(f"/compare?runs={script_run},{job}")
    window.wait_for_step("metric", 4)
    legend = page.locator("compare-legend .legend-name").all_text_contents()
    assert any("again" in entry and "<" in entry for entry in legend), legend
    window.plot("metric", "Plotly.Fx.hover(plot, [{ curveNumber: 0, pointNumber: 1 }])")
    expect(page.locator("[data-figure=metric] .hoverlayer").first).to_contain_text("step")
    is_unharmed(page, "compare")

    for address in ("/submit", f"/submit?from={job}"):
        page.goto(address)
        expect(page.locator("main form")).to_be_visible()
        is_unharmed(page, address)

    page.goto("/workers")
    expect(page.locator("article.worker")).to_contain_text(SHORT)
    is_unharmed(page, "workers")
    assert dialogs == []
    assert not window.complaints


@pytest.mark.parametrize(
    "address", ["/runs/", "/compare?runs=", "/submit?from=", "/login?next=", "/nothing/"]
)
def test_what_stands_in_an_address_is_text(window: Window, address: str) -> None:
    window.page.add_init_script(WATCH)
    window.page.goto(address + quote(EVIL, safe=""))
    is_unharmed(window.page, address)
    window.complaints[:] = [text for text in window.complaints if "404" not in text]
