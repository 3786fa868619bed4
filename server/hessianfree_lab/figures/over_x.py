"""Figures of traces that grow along an x that can be chosen."""

from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.axes import x_title
from hessianfree_lab.figures.mark_lines import lines_of, trace_of
from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.style import WHOLE, axis, edges, figure

if TYPE_CHECKING:
    import plotly.graph_objects as go

UPPER, LOWER = [0.42, 1], [0, 0.36]
"""Of the height of a figure of two panels."""
IN_LOWER: dict[str, Any] = {"yaxis": "y3", "edge_axis": "y4"}
"""Where a trace of the second panel is drawn."""


def over_x(
    kind: Kind,
    material: Material,
    traces: list[Any],
    y: dict[str, Any],
    *,
    below: dict[str, Any] | None = None,
    shapes: list[dict[str, Any]] | None = None,
    **layout: Any,
) -> "go.Figure":
    """A figure of traces that grow along the x that was asked for, with the edges their marks stand on.

    What happened to the runs is marked at the lower edge; of one run alone with a line through the figure, too. `below`
    is the y axis of a second panel, y3 with the edge y4, over the same x; the first one then ends above it.
    """
    if below is not None and not any(trace.get("yaxis") == "y3" and trace["x"] for trace in traces):
        # Plotly cannot put an axis beside a panel without a point. The first one that comes brings a new figure.
        traces = [trace for trace in traces if trace.get("yaxis") not in ("y3", "y4")]
        shapes = [shape for shape in shapes or [] if shape.get("yref") != "y3"]
        below = None
    if below is not None:
        y = y | {"domain": UPPER}
        layout |= {"yaxis3": below | {"domain": LOWER}, "yaxis4": edges("y3")}
    marked = [curve for curve in material.curves if curve.marks and curve.series.steps]
    noted = [trace_of(curve.run, curve.series, curve.marks, colour=curve.colour) for curve in marked]
    lines = [line for curve in marked for line in lines_of(curve.series, curve.marks)]
    return figure(
        kind,
        material,
        [*traces, *noted],
        along=material.x_name,
        xaxis=axis(x_title(material.x_name), **WHOLE, anchor="y" if below is None else "y3"),
        yaxis=y,
        yaxis2=edges(),
        shapes=[*(shapes or []), *(lines if len(material.curves) == 1 else [])],
        **layout,
    )
