"""A metric of several runs, one line each: as measured, smoothed, or as seen from one of them."""

from dataclasses import replace
from typing import Any

import numpy as np

from hessianfree_lab.figures import palette
from hessianfree_lab.figures.axes import x_title
from hessianfree_lab.figures.comparing.baselines import against
from hessianfree_lab.figures.comparing.comparison import Comparison
from hessianfree_lab.figures.material import Curve
from hessianfree_lab.figures.points import x_numbers
from hessianfree_lab.figures.style import in_hover, in_legend, plain
from hessianfree_lab.figures.traces import growing

FAINT: dict[str, Any] = {"opacity": 0.28, "line": {"width": 1}, "hoverinfo": "skip", "hovertemplate": None}


def line_of_run(curve: Curve, metric: str) -> list[dict[str, Any]]:
    """A run's metric in its own colour; smoothed where it is, with what was measured faint behind."""
    if curve.smoothed is None:
        return growing(curve, metric, colour=curve.colour, name=curve.name)
    averages = replace(curve.series, values={metric: [*curve.smoothed.listed]})
    raw = growing(curve, metric, colour=curve.colour, name=curve.name, showlegend=False, **FAINT)
    smoothed, _ = growing(replace(curve, series=averages), metric, colour=curve.colour, name=curve.name)
    state = {"weight": curve.smoothed.weight, "last": curve.smoothed.last, "count": curve.smoothed.count}
    smoothed["meta"] |= {"smooth": state}
    smoothed["uid"] += " smoothed"
    return [*raw, smoothed]


def line_against(curve: Curve, metric: str, comparison: Comparison) -> list[dict[str, Any]]:
    """A run's metric as seen from the baseline. It does not grow: the baseline's next row is not known to the page."""
    series = curve.series
    baseline = comparison.lines[comparison.baseline or curve.run]
    # Of what was smoothed the averages are compared.
    values = curve.smoothed.listed if curve.smoothed else series.values.get(metric, [])
    drawn = [
        (row, float(value))
        for row, value in enumerate(values)
        if value is not None and not isinstance(value, str) and np.isfinite(float(value))
    ]
    y = against(
        x_numbers([series.x[row] for row, _ in drawn]),
        np.array([value for _, value in drawn]),
        baseline,
        comparison.relation,
    )
    kept = [(row, value) for (row, _), value in zip(drawn, y.tolist(), strict=True) if np.isfinite(value)]
    said = "minus" if comparison.relation == "difference" else "over"
    return [
        {
            "type": "scatter",
            "uid": f"{curve.run} {metric} {said}",
            "x": [series.x[row] for row, _ in kept],
            "y": [value for _, value in kept],
            "customdata": [series.steps[row] for row, _ in kept],
            "meta": {"of": curve.run, "colour": curve.colour},
            "name": in_legend(curve.name),
            "mode": "lines",
            "line": {
                "color": palette.colour(curve.colour),
                "width": 1.8,
                "dash": palette.dash(curve.colour),
            },
            "hovertemplate": (
                f"{in_hover(curve.name)}: %{{y:.6~g}}<br>step %{{customdata}}"
                f"<br>{plain(x_title(series.x_name)).lower()} %{{x}}<extra></extra>"
            ),
        }
    ]
