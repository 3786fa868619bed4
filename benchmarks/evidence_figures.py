"""The figures of the evidence, drawn by Plotly in Chromium and kept as SVG."""

import json
import shutil
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from contests import CONTENDERS

from hessianfree_lab.figures import palette
from hessianfree_lab.figures.comparing.profiles import Profile

if TYPE_CHECKING:
    from contests import Contender, Contest
    from evidence_record import Run
    from trials import Measure

WIDTH, HEIGHT = 860, 440
POINTS = 120
EARLIEST = 100
"""The share of what is spent at which the curves begin."""
AXES = {"seconds": "Training time in seconds", "equivalents": "Gradients of the whole training set"}
_LAYOUT: dict[str, Any] = {
    "width": WIDTH,
    "height": HEIGHT,
    "margin": {"l": 70, "r": 20, "t": 20, "b": 50},
    "paper_bgcolor": "white",
    "plot_bgcolor": "white",
    "font": {"family": "sans-serif", "size": 13, "color": "#1f2328"},
}
_GRID = {"gridcolor": "#e5e7eb", "zeroline": False, "exponentformat": "power"}


def curves(
    contest: "Contest", measure: "Measure", groups: Mapping["Contender", Sequence["Run"]]
) -> dict[str, Any]:
    """The lowest loss so far against what was spent, the median over the seeds."""
    data = []
    for contender, runs in groups.items():
        ends = [run.outcome.marks[-1].spent(measure) for run in runs if run.outcome.marks]
        end = max(ends, default=0.0) or contest.amount(measure)
        grid = np.geomspace(end / EARLIEST, end, POINTS)
        middle = np.median([_lowest_so_far(run, measure, grid) for run in runs], axis=0)
        data.append(_line(contender, grid.tolist(), middle.tolist()))
    axes = {
        "xaxis": {"title": {"text": AXES[measure]}, "type": "log", **_GRID},
        "yaxis": {"title": {"text": "Lowest loss, median over seeds"}, "type": "log", **_GRID},
    }
    return {"data": data, "layout": _LAYOUT | axes}


def profile_figure(profiles: Sequence[Profile], contenders: Mapping[str, "Contender"]) -> dict[str, Any]:
    """A staircase a contender: the share of problems and targets reached within a factor of the best."""
    last = 1.3 * max(profile.factors[-1] for profile in profiles)
    data = [
        _line(contenders[profile.solver], [*profile.factors, last], [*profile.shares, profile.shares[-1]])
        for profile in profiles
    ]
    for line in data:
        line["line"] |= {"shape": "hv"}
    axes = {
        "xaxis": {"title": {"text": "Times the best"}, "type": "log", **_GRID},
        "yaxis": {"title": {"text": "Share reached"}, "range": [-0.02, 1.02], "tickformat": ".0%", **_GRID},
    }
    return {"data": data, "layout": _LAYOUT | axes}


def save_all(figures: Mapping[Path, Mapping[str, Any]]) -> None:
    """Each as an SVG file."""
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("google-chrome")
    script = files("plotly").joinpath("package_data", "plotly.min.js").read_text(encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_content("<div id=plot></div>")
        page.add_script_tag(content=script)
        for path, figure in figures.items():
            text = page.evaluate(
                """async (text) => {
                     const figure = JSON.parse(text);
                     const url = await Plotly.toImage(figure, { format: "svg", width: WIDTH, height: HEIGHT });
                     return decodeURIComponent(url.slice(url.indexOf(",") + 1));
                   }""".replace("WIDTH", str(WIDTH)).replace("HEIGHT", str(HEIGHT)),
                json.dumps(figure),
            )
            path.write_text(text.rstrip() + "\n", encoding="utf-8")
        browser.close()


def _line(contender: "Contender", x: Sequence[float], y: Sequence[float]) -> dict[str, Any]:
    """In the contender's own colour on every figure; the Hessian-free ones are thicker."""
    number = [one.name for one in CONTENDERS].index(contender.name)
    drawn = [value if np.isfinite(value) else None for value in y]
    width = 3 if contender.is_hessian_free else 1.5
    line = {"color": palette.colour(number), "dash": palette.dash(number), "width": width}
    return {
        "type": "scatter",
        "mode": "lines",
        "name": contender.title,
        "x": list(x),
        "y": drawn,
        "line": line,
    }


def _lowest_so_far(run: "Run", measure: "Measure", grid: np.ndarray) -> np.ndarray:
    """A staircase on the grid; infinite for a run that failed."""
    if run.outcome.failed or not run.outcome.marks:
        return np.full(len(grid), np.inf)
    spent = np.array([mark.spent(measure) for mark in run.outcome.marks])
    lowest = np.minimum.accumulate([mark.loss for mark in run.outcome.marks])
    return lowest[np.searchsorted(spent, grid, side="right") - 1]
