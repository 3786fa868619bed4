"""How the ends of the spectrum move."""

from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.over_x import IN_LOWER, over_x
from hessianfree_lab.figures.style import axis
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go

POINTS: dict[str, Any] = {"mode": "lines+markers", "marker": {"size": 5}}


def draw(material: Material) -> "go.Figure":
    """Largest and smallest eigenvalue above, the sum of all below, over one x axis."""
    traces = []
    for curve in material.curves:
        traces += growing(curve, "spectrum_largest", colour=0, **POINTS)
        traces += growing(curve, "spectrum_smallest", colour=1, **POINTS)
        traces += growing(curve, "spectrum_trace", colour=2, **POINTS, **IN_LOWER)
    return over_x(EXTREME_EIGENVALUES, material, traces, axis("Eigenvalue"), below=axis("Trace"))


EXTREME_EIGENVALUES = Kind(
    name="extreme-eigenvalues",
    title="Extreme eigenvalues",
    section="spectrum",
    reading=(
        "Ends and sum of the spectrum of the loss's curvature. Gradient descent is stable up to a learning rate of 2 "
        "over the largest; a smallest one far below zero means that the loss is far from convex here."
    ),
    metrics=("spectrum_largest", "spectrum_smallest", "spectrum_trace"),
    draw=draw,
)
