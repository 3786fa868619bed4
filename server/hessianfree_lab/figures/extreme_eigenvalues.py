"""How the ends of the spectrum move."""

from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.axes import x_title
from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.style import axis, edges, figure
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go

POINTS: dict[str, Any] = {"mode": "lines+markers", "marker": {"size": 5}}


def draw(material: Material) -> "go.Figure":
    """Largest and smallest eigenvalue above, the sum of all below, over one x axis."""
    traces = []
    for curve in material.curves:
        traces += growing(curve, "spectrum_largest", colour=0, edge_axis="y3", **POINTS)
        traces += growing(curve, "spectrum_smallest", colour=1, edge_axis="y3", **POINTS)
        traces += growing(curve, "spectrum_trace", colour=2, edge_axis="y4", yaxis="y2", **POINTS)
    return figure(
        EXTREME_EIGENVALUES,
        material,
        traces,
        xaxis=axis(x_title(material.x_name), anchor="y2"),
        yaxis=axis("Eigenvalue", domain=[0.42, 1]),
        yaxis2=axis("Trace", domain=[0, 0.36]),
        yaxis3=edges("y"),
        yaxis4=edges("y2"),
    )


EXTREME_EIGENVALUES = Kind(
    name="extreme-eigenvalues",
    title="Extreme eigenvalues",
    reading=(
        "Ends and sum of the spectrum of the loss's curvature. Gradient descent is stable up to a learning rate of 2 "
        "over the largest; a smallest one far below zero means that the loss is far from convex here."
    ),
    metrics=("spectrum_largest", "spectrum_smallest", "spectrum_trace"),
    draw=draw,
)
