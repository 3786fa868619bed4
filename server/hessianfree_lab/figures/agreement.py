"""Predicted against actual reduction, step by step."""

import math
from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures import palette
from hessianfree_lab.figures.material import Curve, Kind, Material
from hessianfree_lab.figures.style import MARK, axis, figure
from hessianfree_lab.figures.traces import identity_of, meta_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

COLOUR = 0


def draw(material: Material) -> "go.Figure":
    """A point a step on two logarithmic axes, and the line on which the model was right."""
    traces = [trace for curve in material.curves for trace in _points(curve)]
    known = [value for curve in material.curves for pair in _pairs(curve) for value in pair[:2] if value > 0]
    if known:
        traces.insert(0, _diagonal(min(known), max(known)))
    return figure(
        AGREEMENT,
        material,
        traces,
        xaxis=axis("Predicted reduction", type="log"),
        yaxis=axis("Actual reduction", type="log"),
    )


def _pairs(curve: Curve) -> list[tuple[float, float, int]]:
    values = curve.series.values
    columns = zip(
        values.get("predicted_reduction", ()),
        values.get("actual_reduction", ()),
        curve.series.steps,
        strict=False,
    )
    return [
        (predicted, actual, step)
        for predicted, actual, step in columns
        if isinstance(predicted, float)
        and isinstance(actual, float)
        and math.isfinite(predicted)
        and math.isfinite(actual)
    ]


def _points(curve: Curve) -> list[dict[str, Any]]:
    """All steps, and the latest one; a step along which the loss rose has no place on a logarithmic axis."""
    pairs = [pair for pair in _pairs(curve) if pair[0] > 0 and pair[1] > 0]
    meta = meta_of(curve, "actual_reduction", colour=COLOUR) | {"x": "predicted_reduction"}
    paint = palette.colour(COLOUR)

    def trace(pairs: list[tuple[float, float, int]], **style: Any) -> dict[str, Any]:
        return {
            "type": "scatter",
            "x": [predicted for predicted, _, _ in pairs],
            "y": [actual for _, actual, _ in pairs],
            "customdata": [step for _, _, step in pairs],
            "mode": "markers",
            "hovertemplate": "step %{customdata}<br>predicted %{x:.4~g}, actual %{y:.4~g}<extra></extra>",
        } | style

    return [
        trace(
            pairs,
            uid=identity_of(meta),
            meta=meta,
            name="steps",
            marker={"size": 5, "color": paint, "opacity": 0.7},
        ),
        trace(
            pairs[-1:],
            meta=meta | {"latest": True},
            name="latest",
            marker={"size": 12, "symbol": "circle-open", "color": paint, "line": {"width": 2.5}},
        ),
    ]


def _diagonal(low: float, high: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": [low, high],
        "y": [low, high],
        "mode": "lines",
        "name": "exact",
        "hoverinfo": "none",
        "line": {"color": MARK, "width": 1.4, "dash": "dot"},
    }


AGREEMENT = Kind(
    name="agreement",
    title="Model against loss",
    section="trust",
    reading=(
        "A point a step: what the model promised to the right, what came of it upwards. On the dotted line the "
        "model was right; points far below it are steps on which it promised too much, above it too little. Where "
        "the loss rose there is no point."
    ),
    metrics=("predicted_reduction", "actual_reduction"),
    either_scale=False,
    draw=draw,
)
