"""How far from a stationary point."""

from typing import TYPE_CHECKING

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.over_x import over_x
from hessianfree_lab.figures.style import axis
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draw(material: Material) -> "go.Figure":
    """The gradient's norm on a logarithmic axis."""
    traces = []
    for index, curve in enumerate(material.curves):
        traces += growing(curve, "gradient_norm", colour=index)
    return over_x(GRADIENT_NORM, material, traces, axis("Gradient norm", type="log"))


GRADIENT_NORM = Kind(
    name="gradient-norm",
    title="Gradient norm",
    reading="Euclidean norm of the gradient before each step. Near zero the run is close to a stationary point.",
    metrics=("gradient_norm",),
    draw=draw,
)
