"""Where the optimizer went on a problem with two parameters."""

import math
from typing import TYPE_CHECKING, Any, TypeGuard

from hessianfree_lab.figures import palette
from hessianfree_lab.figures.material import Curve, Kind, Material
from hessianfree_lab.figures.style import axis, figure, in_legend
from hessianfree_lab.figures.traces import identity_of, meta_of
from hessianfree_lab.records import Landscape

if TYPE_CHECKING:
    import plotly.graph_objects as go

COLOUR = 1  # vermillion stands out on every shade of the surface
FLOOR = 1e-3  # of the range of values: what lies closer to the lowest is one shade


def draw(material: Material) -> "go.Figure":
    """The objective's contours, its known minima, the path and its head."""
    landscape = material.landscape
    traces = [] if landscape is None else [_contours(landscape), _minima(landscape)]
    for curve in material.curves:
        traces += _path(curve)
    extent_x: dict[str, Any] = {}
    extent_y: dict[str, Any] = {}
    if landscape is not None and landscape.x and landscape.y:
        # A path that runs away must not shrink the landscape to a dot; a double click shows all of it.
        extent_x = {"range": [landscape.x[0], landscape.x[-1]]}
        extent_y = {"range": [landscape.y[0], landscape.y[-1]]}
    return figure(PATH, material, traces, xaxis=axis("x", **extent_x), yaxis=axis("y", **extent_y))


def _contours(landscape: Landscape) -> Any:
    """Contours of the logarithm above the lowest value: equal steps of f would leave the valleys' floors empty."""
    import plotly.graph_objects as go

    finite = [value for row in landscape.z for value in row if math.isfinite(value)] or [0.0]
    lowest = min(finite)
    least = FLOOR * (max(finite) - lowest) or 1.0
    return go.Contour(
        x=landscape.x,
        y=landscape.y,
        z=[
            [math.log10(v - lowest + least) if math.isfinite(v) else None for v in row] for row in landscape.z
        ],
        customdata=[[v if math.isfinite(v) else None for v in row] for row in landscape.z],
        colorscale="Blues",
        reversescale=True,
        ncontours=24,
        line={"width": 0.6, "color": "rgba(255,255,255,0.35)"},
        showscale=False,
        name="objective",
        showlegend=False,
        hovertemplate="x %{x:.4g}, y %{y:.4g}<br>f %{customdata:.5g}<extra></extra>",
    )


def _minima(landscape: Landscape) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(
        x=[x for x, _ in landscape.minima],
        y=[y for _, y in landscape.minima],
        mode="markers",
        name="known minimum",
        marker={"symbol": "star", "size": 12, "color": "#F0E442", "line": {"width": 1, "color": "#16191f"}},
        hovertemplate="minimum at x %{x:.5g}, y %{y:.5g}<extra></extra>",
    )


def _path(curve: Curve) -> list[Any]:
    """The path, and its latest point alone; points that are not finite are nowhere and left out."""
    import plotly.graph_objects as go

    values = curve.series.values
    columns = zip(values.get("x", ()), values.get("y", ()), curve.series.steps, strict=False)
    rows = [(x, y, step) for x, y, step in columns if _is_place(x) and _is_place(y)]
    meta = meta_of(curve, "y", colour=COLOUR) | {"x": "x"}
    paint = palette.colour(COLOUR)

    def trace(rows: list[tuple[float, float, int]], **style: Any) -> Any:
        return go.Scatter(
            x=[x for x, _, _ in rows],
            y=[y for _, y, _ in rows],
            customdata=[step for _, _, step in rows],
            hovertemplate="step %{customdata}<br>x %{x:.5g}, y %{y:.5g}<extra></extra>",
            **style,
        )

    return [
        trace(
            rows,
            uid=identity_of(meta),
            meta=meta,
            mode="lines+markers",
            name=in_legend(curve.name),
            line={"color": paint, "width": 2},
            marker={"size": 5, "color": paint, "line": {"width": 0.8, "color": "white"}},
        ),
        trace(
            rows[-1:],
            meta=meta | {"latest": True},
            mode="markers",
            name="latest",
            marker={"size": 13, "symbol": "circle-open", "color": paint, "line": {"width": 3}},
        ),
    ]


def _is_place(value: float | bool | str | None) -> TypeGuard[float]:
    return isinstance(value, float) and math.isfinite(value)


PATH = Kind(
    name="path",
    title="Path over the objective",
    section="progress",
    reading=(
        "The objective on a logarithmic scale, a star at each known minimum, and the parameters before each step. "
        "Second-order steps cut across the contours where gradient steps zigzag. Steps "
        "that circle a minimum, or leave the picture, are too long: they ask for more damping."
    ),
    metrics=("y", "x"),
    source="landscape",
    either_scale=False,
    draw=draw,
)
