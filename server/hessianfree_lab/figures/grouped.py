"""A metric of groups of runs: the middle of each as a line, its spread as a band behind it."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hessianfree_lab.figures import palette
from hessianfree_lab.figures.comparing.bands import Band, band
from hessianfree_lab.figures.comparing.baselines import against
from hessianfree_lab.figures.comparing.comparison import Comparison, Group
from hessianfree_lab.figures.comparing.lines import Floats, Line
from hessianfree_lab.figures.points import x_values
from hessianfree_lab.figures.style import in_hover, in_legend

BOUNDS = {"quantiles": "10 to 90 %", "range": "all"}
ENDS = {"quantiles": ["10 %", "90 %"], "range": ["lowest", "highest"]}
"""What the bounds of a band are called where its values are listed."""


def lines_of_group(group: Group, comparison: Comparison, x_name: str) -> list[dict[str, Any]]:
    """The band, the middle while all runs are there, and dotted where some have ended or not begun."""
    lines = [_seen(comparison, run) for run in group.runs]
    found = band(lines, middle=comparison.middle, spread=comparison.spread, points=comparison.points)
    x = x_values(found.x, x_name)
    whole = found.runs == len(group.runs)
    common: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines",
        "meta": {"group": group.name, "of": list(group.runs), "colour": group.colour},
        "name": in_legend(group.name),
    }
    hover = {
        "customdata": _told(found, comparison, len(group.runs)),
        "hovertemplate": (
            f"{in_hover(group.name)}: {comparison.middle} %{{y:.6~g}}<br>%{{customdata}}<extra></extra>"
        ),
    }
    paint = palette.colour(group.colour)
    traces: list[dict[str, Any]] = [
        common
        | hover
        | {
            "uid": f"{group.name} all",
            "x": x,
            "y": _listed(found.middle, whole),
            "line": {"color": paint, "width": 2.2, "dash": palette.dash(group.colour)},
        }
    ]
    if not whole.all():
        rest = {"color": paint, "width": 1.4, "dash": "dot"}
        y = _listed(found.middle, _with_neighbours(~whole))
        traces.append(
            common | hover | {"uid": f"{group.name} some", "x": x, "y": y, "line": rest, "showlegend": False}
        )
    if len(group.runs) == 1:
        return traces
    area = {
        "uid": f"{group.name} band",
        "meta": common["meta"] | {"bounds": ENDS[comparison.spread]},
        "x": [*x, *reversed(x)],
        "y": [*found.high.tolist(), *reversed(found.low.tolist())],
        "fill": "toself",
        "fillcolor": palette.translucent(group.colour),
        "line": {"width": 0},
        "showlegend": False,
        "hoverinfo": "skip",
    }
    return [common | area, *traces]


def _seen(comparison: Comparison, run: str) -> Line:
    """The run's line, from the baseline where there is one."""
    line = comparison.lines[run]
    if comparison.baseline is None:
        return line
    baseline = comparison.lines[comparison.baseline]
    return Line(x=line.x, y=against(line.x, line.y, baseline, comparison.relation))


def _with_neighbours(kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The dotted parts reach to the ends of the solid line: there is no gap between."""
    wider = kept.copy()
    wider[1:] |= kept[:-1]
    wider[:-1] |= kept[1:]
    return wider


def _listed(values: Floats, kept: npt.NDArray[np.bool_]) -> list[float | None]:
    return [value if there else None for value, there in zip(values.tolist(), kept.tolist(), strict=True)]


def _told(found: Band, comparison: Comparison, runs: int) -> list[str]:
    bounds = BOUNDS[comparison.spread]
    return [
        f"{bounds}: {low:.4g} to {high:.4g}<br>{there} of {runs} runs"
        for low, high, there in zip(found.low, found.high, found.runs, strict=True)
    ]
