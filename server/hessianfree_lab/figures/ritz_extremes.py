"""How hard the inner solves are: the ends of the spectrum they saw."""

from typing import TYPE_CHECKING

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.over_x import IN_LOWER, over_x
from hessianfree_lab.figures.points import POSITIVE
from hessianfree_lab.figures.style import axis
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draw(material: Material) -> "go.Figure":
    """Largest and smallest Ritz value above, their ratio below, on logarithmic axes."""
    traces = []
    for curve in material.curves:
        traces += growing(curve, "ritz_largest", colour=0, name="largest", limits=POSITIVE)
        traces += growing(curve, "ritz_smallest", colour=1, name="smallest", limits=POSITIVE)
        traces += growing(curve, "ritz_condition", colour=2, name="ratio", limits=POSITIVE, **IN_LOWER)
    above, below = axis("Ritz value", type="log"), axis("Condition", type="log", nticks=4)
    return over_x(RITZ_EXTREMES, material, traces, above, below=below)


RITZ_EXTREMES = Kind(
    name="ritz-extremes",
    title="Condition of the solves",
    section="solve",
    reading=(
        "Ends of the spectrum that each solve saw, with damping and preconditioner in it, and their ratio: about "
        "its root many iterations does CG need. A ratio that grows means harder solves; a smallest value marked at "
        "the bottom is negative curvature."
    ),
    metrics=("ritz_largest", "ritz_smallest", "ritz_condition"),
    either_scale=False,
    draw=draw,
)
