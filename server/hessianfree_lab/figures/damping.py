"""How far the quadratic model is trusted."""

from typing import TYPE_CHECKING

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.over_x import over_x
from hessianfree_lab.figures.style import axis
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draw(material: Material) -> "go.Figure":
    """A staircase on a logarithmic axis: damping is constant within a step and changes by factors."""
    traces = []
    for index, curve in enumerate(material.curves):
        traces += growing(curve, "damping", colour=index, line={"shape": "hv"})
    return over_x(DAMPING, material, traces, axis("Damping", type="log"))


DAMPING = Kind(
    name="damping",
    title="Damping",
    reading=(
        "Added to the curvature's diagonal. It falls while the quadratic model predicts well and rises when it "
        "does not; a steady climb means short steps along the gradient."
    ),
    metrics=("damping",),
    draw=draw,
)
