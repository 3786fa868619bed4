"""The objective, before and after each step and on held-out data."""

from typing import TYPE_CHECKING

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.over_x import over_x
from hessianfree_lab.figures.style import axis
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draw(material: Material) -> "go.Figure":
    """Loss solid, held-out loss dashed, loss after the step dotted, each in a colour of its own."""
    traces = []
    for curve in material.curves:
        traces += growing(curve, "loss", colour=0)
        if curve.measured("eval_loss"):
            traces += growing(curve, "eval_loss", colour=1, line={"dash": "dash"})
        if curve.measured("loss_after"):
            traces += growing(curve, "loss_after", colour=2, line={"dash": "dot", "width": 1.4})
    return over_x(LOSS, material, traces, axis("Loss", type="log"))


LOSS = Kind(
    name="loss",
    title="Loss",
    section="progress",
    reading=(
        "The objective before each step, after it, and on held-out data. Where the held-out loss turns up while "
        "the loss falls, the model has begun to overfit."
    ),
    metrics=("loss", "eval_loss", "loss_after"),
    draw=draw,
)
