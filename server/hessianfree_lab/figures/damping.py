"""How far the quadratic model is trusted."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.material import Curve, Kind, Material
from hessianfree_lab.figures.over_x import over_x
from hessianfree_lab.figures.reduction_ratio import DISTRUST, TRUST
from hessianfree_lab.figures.style import axis, plain
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go

REFRESH_SECONDS = 15.0  # the line grows by itself, the stretches behind it do not


def draw(material: Material) -> "go.Figure":
    """A staircase on a logarithmic axis, over the stretches in which the ratio asked for more or for less damping."""
    traces: list[Any] = []
    if len(material.curves) == 1:
        curve = material.curves[0]
        traces += [
            _stretches(curve, f"ratio < {DISTRUST}", "rgba(213,94,0,0.20)", below=DISTRUST),
            _stretches(curve, f"ratio > {TRUST}", "rgba(0,158,115,0.20)", above=TRUST),
        ]
    for index, curve in enumerate(material.curves):
        traces += growing(curve, "damping", colour=index, line={"shape": "hv"})
    drawn = over_x(DAMPING, material, traces, axis("Damping", type="log"))
    drawn.layout.meta = drawn.layout.meta | {"refresh_seconds": REFRESH_SECONDS}
    return drawn


def _stretches(
    curve: Curve, name: str, paint: str, *, below: float = float("-inf"), above: float = float("inf")
) -> dict[str, Any]:
    """Full height from each step whose ratio lies beyond a bound to the next, neighbouring stretches as one."""
    series = curve.series
    ratios = series.values.get("reduction_ratio", [None] * len(series.x))
    rows = [
        (x, ratio)
        for x, ratio in zip(series.x, ratios, strict=True)
        if isinstance(ratio, float) and ratio == ratio  # NaN: the model promised nothing
    ]
    found: list[tuple[Any, Any]] = []
    for (x, ratio), (following, _) in pairwise(rows):
        if not (ratio < below or ratio > above):
            continue
        if found and found[-1][1] == x:
            found[-1] = (found[-1][0], following)
        else:
            found.append((x, following))
    return {
        "type": "scatter",
        "x": [x for start, stop in found for x in (start, start, stop, stop, None)],
        "y": [y for _ in found for y in (0, 1, 1, 0, None)],
        "yaxis": "y2",
        "mode": "lines",
        "line": {"width": 0},
        "fill": "tozeroy",
        "fillcolor": paint,
        "name": plain(name),
        "hoverinfo": "none",
        "showlegend": bool(found),
    }


DAMPING = Kind(
    name="damping",
    title="Damping",
    section="trust",
    reading=(
        "Added to the curvature's diagonal. It falls while the quadratic model predicts well (ratio above 0.75) and "
        "rises while it does not (below 0.25). A steady climb means ever shorter steps along the gradient: a loss "
        "that the model does not fit, or one that is noisy."
    ),
    metrics=("damping", "reduction_ratio"),
    draw=draw,
)
