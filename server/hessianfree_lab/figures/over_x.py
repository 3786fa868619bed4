"""Figures of traces that grow along an x that can be chosen."""

from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.axes import x_title
from hessianfree_lab.figures.mark_lines import lines_of, trace_of
from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.style import axis, edges, figure

if TYPE_CHECKING:
    import plotly.graph_objects as go


def over_x(
    kind: Kind,
    material: Material,
    traces: list[Any],
    y: dict[str, Any],
    *,
    shapes: list[dict[str, Any]] | None = None,
    **layout: Any,
) -> "go.Figure":
    """A figure of traces that grow along the x that was asked for, with the edges their marks stand on.

    What happened to the runs is marked at the lower edge; of one run alone with a line through the figure, too.
    """
    marked = [
        (index, curve) for index, curve in enumerate(material.curves) if curve.marks and curve.series.steps
    ]
    noted = [trace_of(curve.series, curve.marks, colour=index) for index, curve in marked]
    lines = [line for _, curve in marked for line in lines_of(curve.series, curve.marks)]
    return figure(
        kind,
        material,
        [*traces, *noted],
        xaxis=axis(x_title(material.x_name)),
        yaxis=y,
        yaxis2=edges(),
        shapes=[*(shapes or []), *(lines if len(material.curves) == 1 else [])],
        **layout,
    )
