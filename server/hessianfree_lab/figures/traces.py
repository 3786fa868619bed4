"""Traces that grow: what a live page needs to know to append rows stands in their `meta`.

`run`, `metric`, `x`: rows of that run append (x, metric). Beside them: `attempt` and `step`, the last that are drawn;
`controls`, the version of the run's controls whose marks are drawn;
`total`, present where x is a running total; `origin`, where it counts from the run's first step; `where` and `limits`,
the rules of points.py; `marks`, for the trace of marks; `colour`, the number of the theme's colour.
"""

from dataclasses import asdict
from typing import Any

from hessianfree_lab.figures import palette
from hessianfree_lab.figures.axes import X_TITLES, metric_title
from hessianfree_lab.figures.material import Curve
from hessianfree_lab.figures.points import CLOCKS, Condition, Limits, Points, points
from hessianfree_lab.figures.style import in_hover, in_legend, plain


def growing(
    curve: Curve,
    metric: str,
    *,
    colour: int = 0,
    name: str | None = None,
    condition: Condition | None = None,
    limits: Limits | None = None,
    **style: Any,
) -> list[dict[str, Any]]:
    """The line (or markers) of one metric of one run, and the marks of what it cannot go through.

    `style` goes to the trace; its `line` and `marker` are laid over the curve's colour and dash.
    """
    series = curve.series
    meta = meta_of(curve, metric, colour=colour, condition=condition, limits=limits)
    along = (
        "" if series.x_name == "step" else f"<br>{X_TITLES.get(series.x_name, series.x_name).lower()} %{{x}}"
    )
    return line_and_marks(
        points(series, metric, condition=condition, limits=limits),
        name=name or metric_title(metric),
        colour=colour,
        place=f"step %{{customdata}}{plain(along)}",
        meta=meta,
        **style,
    )


def line_and_marks(
    drawn: Points,
    *,
    name: str,
    colour: int,
    place: str,
    meta: dict[str, Any],
    edge_axis: str = "y2",
    **style: Any,
) -> list[dict[str, Any]]:
    """`drawn` as a line or markers, and its marks on `edge_axis`; `place` is the second line of the hover text."""
    title = in_legend(name)
    said = in_hover(name)
    paint = palette.colour(colour)
    mode = style.pop("mode", "lines")
    line = {"color": paint, "width": 1.8, "dash": palette.dash(colour)} | style.pop("line", {})
    marker = {"color": paint} | style.pop("marker", {})
    identity = identity_of(meta)
    trace = {
        "type": "scatter",
        "uid": identity,
        "x": drawn.x,
        "y": drawn.y,
        "customdata": drawn.steps,
        "meta": meta,
        "name": title,
        "mode": mode,
        "line": line if "lines" in mode else None,
        "marker": marker if "markers" in mode else None,
        "hovertemplate": f"{said}: %{{y:.6~g}}<br>{place}<extra></extra>",
    } | style
    marks = {
        "type": "scatter",
        "uid": identity and f"{identity} marks",
        "x": drawn.mark_x,
        "y": drawn.mark_edge,
        "text": drawn.mark_text,
        "customdata": drawn.mark_steps,
        "meta": meta | {"marks": True},
        "name": title,
        "mode": "markers",
        "yaxis": edge_axis,
        "xaxis": style.get("xaxis"),
        "showlegend": False,
        "cliponaxis": False,
        "marker": {"symbol": "x-thin", "size": 9, "line": {"width": 2, "color": paint}},
        "hovertemplate": f"{said}: %{{text}}<br>{place}<extra></extra>",
    }
    return [trace, marks]


def identity_of(meta: dict[str, Any]) -> str | None:
    """What a trace is told by when the figure is drawn anew: a page keeps it hidden when its reader has hidden it."""
    if "run" not in meta:
        return None
    return f"{meta['run']} {meta['metric']} {meta.get('where', {}).get('value', '')}".strip()


def meta_of(
    curve: Curve,
    metric: str,
    *,
    colour: int,
    condition: Condition | None = None,
    limits: Limits | None = None,
) -> dict[str, Any]:
    """The `meta` of a trace that grows; see the module."""
    series = curve.series
    meta: dict[str, Any] = {
        "run": curve.run,
        "metric": metric,
        "x": series.x_name,
        "attempt": curve.attempt,
        "controls": curve.controls_version,
        "step": series.steps[-1] if series.steps else 0,
        "colour": colour,
    }
    if series.x_name not in CLOCKS:
        meta["total"] = series.x[-1] if series.x else 0.0
    if series.origin is not None:
        meta["origin"] = series.origin
    if condition:
        meta["where"] = asdict(condition)
    if limits:
        meta["limits"] = asdict(limits)
    return meta
