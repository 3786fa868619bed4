"""What the quadratic model promised of each step, and what came of it."""

from typing import TYPE_CHECKING

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.over_x import over_x
from hessianfree_lab.figures.points import POSITIVE
from hessianfree_lab.figures.style import axis
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draw(material: Material) -> "go.Figure":
    """Both on a logarithmic axis; a loss that rose is a cross at the lower edge."""
    traces = []
    for curve in material.curves:
        traces += growing(
            curve, "predicted_reduction", colour=1, name="predicted", limits=POSITIVE, line={"dash": "dash"}
        )
        traces += growing(curve, "actual_reduction", colour=0, name="actual", limits=POSITIVE)
    return over_x(REDUCTIONS, material, traces, axis("Reduction of the loss", type="log"))


REDUCTIONS = Kind(
    name="reductions",
    title="Predicted and actual reduction",
    section="trust",
    reading=(
        "How much the quadratic model said the step of CG would lower the loss, and how much it did. Lines that lie "
        "on each other are a model to be trusted; a gap is damping that is too small. Crosses at the lower edge are "
        "no reduction at all: a loss that rose, or a model that promised nothing."
    ),
    metrics=("predicted_reduction", "actual_reduction"),
    either_scale=False,
    draw=draw,
)
