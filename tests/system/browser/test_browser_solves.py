"""Inside the steps in a browser: heat maps of all solves, and figures of the one that was picked."""

import math
from typing import Any

import httpx

from system.browser.recording import Recorder
from system.browser.scripted import ScriptedJob
from system.browser.window import Window, rows

ALONG = [{"scale": scale, "loss": 1 - scale / 2, "model": 1 - scale / 2} for scale in (0.0, 0.5, 1.0)]
MEASURED = {
    "cg_iterations": 2,
    "cg_stop": "Divergence",
    "gradient_norm": 2.0,
    "step_norm": 1.0,
    "step_angle": 60.0,
    "damping": 1.0,
    "reduction_ratio": 0.1,
    "predicted_reduction": 1.0,
    "actual_reduction": -0.1,
    "ritz_largest": 9.0,
    "ritz_smallest": -1.0,
    "seconds_gradient": 0.1,
    "seconds_cg": 0.4,
    "seconds_rest": 0.1,
    "curvature_products": 3,
    "loss_evaluations": 2,
    "peak_memory_bytes": 1e9,
    "parameter_norm": 5.0,
    "parameter_norm.0": 3.0,
    "parameter_norm.2": 4.0,
}
OVER_STEPS = (
    *("gradient-norm", "damping", "reductions", "agreement", "residual-map", "ritz-map", "ritz-extremes"),
    *("time-split", "work", "memory", "parameter-norms"),
)
OF_A_STEP = ("inner-solve", "kept-losses", "line-search", "ritz-values", "loss-slice")


def solves(first: int, last: int) -> list[dict[str, Any]]:
    return [
        {
            "step": step,
            "stop": "Divergence",
            "loss": 1.0,
            "model_values": [0, -1, -2],
            "residual_norms": [4, 2, "NaN" if step == 3 else 1],
            "ritz_values": [-1, 9],
            "kept": [{"iteration": 2, "loss": 1.1}],
            "chosen_iteration": 2,
            "line_search": [{"scale": 1, "loss": 1.1}],
            "slice": [] if step % 2 else ALONG,
        }
        for step in range(first, last + 1)
    ]


def test_inside_the_steps(window: Window, http: httpx.Client) -> None:
    run = ScriptedJob(http, record={"slices": 2})
    run.send(rows(1, [1.0] * 6, **MEASURED), cg=solves(1, 6))
    page = window.page
    page.goto(f"/runs/{run.id}")
    window.see_all()
    drawn = page.evaluate("Object.keys(window.drawn)")
    assert set(drawn) >= {*OVER_STEPS, *OF_A_STEP}
    assert [1, 0.75, 0.5] in window.plot("loss-slice", "plot.data.map(({ y }) => y)")

    cells = page.locator("[data-figure='residual-map'] .plot .nsewdrag").first
    cells.scroll_into_view_if_needed()
    place = cells.bounding_box()
    assert place is not None
    # The lowest row of the third of six columns.
    page.mouse.click(place["x"] + place["width"] * 2.5 / 6, place["y"] + place["height"] * 0.95)
    page.wait_for_url("**step=3*")
    page.locator("[data-figure='kept-losses']").scroll_into_view_if_needed()
    note = page.locator("[data-figure='kept-losses'] [data-part='note']")
    note.filter(has_text="Step 3:").wait_for()
    assert "the loss changes by 0.1, the model says -2" in note.inner_text()
    crosses = window.plot("residual-map", "plot.data[1].text")
    assert crosses == ["NaN"]

    # What is not appended to is fetched again, where it is looked at.
    cells.scroll_into_view_if_needed()
    run.send(rows(7, [1.0], **MEASURED), cg=solves(7, 7))
    window.wait_for_plot("residual-map", "plot.data[0].x.length === 7")


def test_the_table_of_a_heat_map_has_what_was_measured(window: Window, http: httpx.Client) -> None:
    run = Recorder(http)
    run.send(rows(1, [1.0] * 2, **MEASURED), cg=solves(1, 2))
    page = window.page
    page.goto(f"/runs/{run.id}")
    window.see_all()
    figure = page.locator("[data-figure='residual-map']")
    figure.get_by_role("button", name="More for").click()
    figure.get_by_role("menuitem", name="table").click()
    table = figure.locator("data-table, .data-table")
    table.get_by_text("0.25").first.wait_for()
    assert math.isclose(window.plot("residual-map", "plot.data[0].z[1][0]"), math.log10(0.5), abs_tol=1e-3)
