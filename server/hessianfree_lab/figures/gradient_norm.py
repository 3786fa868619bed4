"""How far from a stationary point, how far each step goes, and whereto."""

from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.over_x import IN_LOWER, over_x
from hessianfree_lab.figures.points import POSITIVE
from hessianfree_lab.figures.style import MARK, axis
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go

UPHILL = 90  # degrees: from there on a step does not go down the gradient


def draw(material: Material) -> "go.Figure":
    """Norms of gradient and step above on a logarithmic axis, the angle between the step and steepest descent below."""
    dots: dict[str, Any] = {"mode": "lines+markers", "line": {"width": 1}, "marker": {"size": 3}}
    traces = []
    for curve in material.curves:
        traces += growing(curve, "gradient_norm", colour=0, name="gradient")
        traces += growing(
            curve, "step_norm", colour=1, name="step", limits=POSITIVE, line={"dash": "dash", "width": 1.4}
        )
        traces += growing(curve, "step_angle", colour=2, name="angle", **dots, **IN_LOWER)
    return over_x(
        GRADIENT_NORM,
        material,
        traces,
        axis("Norm", type="log"),
        below=axis("Angle (°)", range=[0, 100], tickvals=[0, 30, 60, 90]),
        shapes=[_level(UPHILL)],
    )


def _level(degrees: float) -> dict[str, Any]:
    span = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y3", "y0": degrees, "y1": degrees}
    return span | {"line": {"color": MARK, "width": 1, "dash": "dot"}, "layer": "below"}


GRADIENT_NORM = Kind(
    name="gradient-norm",
    title="Gradient and step",
    section="progress",
    reading=(
        "Euclidean norms of the gradient before each step and of the step, and the angle between the step and "
        "steepest descent. 0° is a gradient step; angles that stay close to 90° mean that curvature decides alone, "
        "often with too little damping. A gradient near zero is a stationary point; crosses are steps that were "
        "rejected."
    ),
    metrics=("gradient_norm", "step_norm", "step_angle"),
    draw=draw,
)
