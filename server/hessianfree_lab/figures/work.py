"""What each step asks of the model."""

from typing import TYPE_CHECKING

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.over_x import over_x
from hessianfree_lab.figures.style import axis
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draw(material: Material) -> "go.Figure":
    """Curvature products and loss evaluations, a staircase each."""
    traces = []
    for curve in material.curves:
        traces += growing(curve, "curvature_products", colour=1, line={"shape": "hvh"})
        traces += growing(
            curve, "loss_evaluations", colour=0, line={"shape": "hvh", "dash": "dot", "width": 1.4}
        )
    return over_x(WORK, material, traces, axis("Number a step", rangemode="tozero"))


WORK = Kind(
    name="work",
    title="Products and evaluations",
    section="cost",
    reading=(
        "Curvature products (one a CG iteration) and loss evaluations (backtracking, search) of each step. Many "
        "evaluations a step mean that the search rejects what CG found; products at their limit mean that CG is cut "
        "off."
    ),
    metrics=("curvature_products", "loss_evaluations"),
    draw=draw,
)
