"""What the line search made of the step."""

from typing import TYPE_CHECKING

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.over_x import over_x
from hessianfree_lab.figures.points import Condition
from hessianfree_lab.figures.style import axis
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draw(material: Material) -> "go.Figure":
    """The factor at each step; rejected steps are crosses."""
    traces = []
    for curve in material.curves:
        traces += growing(curve, "step_scale", mode="lines+markers", line={"width": 1}, marker={"size": 4})
        if False in curve.series.values.get("accepted", ()):
            traces += growing(
                curve,
                "step_scale",
                colour=1,
                name="rejected",
                condition=Condition(metric="accepted", value=False),
                mode="markers",
                marker={"symbol": "x", "size": 8},
            )
    return over_x(STEP_SCALE, material, traces, axis("Step scale", rangemode="tozero"))


STEP_SCALE = Kind(
    name="step-scale",
    title="Step scale",
    section="trust",
    reading=(
        "The line search's factor on the step (the learning rate for first-order optimizers). 1 takes the whole "
        "step; 0 means that no fraction of it lowered the loss: where that happens often, CG's direction is bad."
    ),
    metrics=("step_scale", "accepted"),
    draw=draw,
)
