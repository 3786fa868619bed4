"""How long each inner solve took, and why it ended."""

from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.material import Curve, Kind, Material
from hessianfree_lab.figures.over_x import over_x
from hessianfree_lab.figures.points import Condition
from hessianfree_lab.figures.style import axis
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Each way to end has a colour and a symbol of its own; one that is not named here takes the next pair.
REASONS = (
    "Convergence (Martens)",
    "Number of iterations",
    "Convergence (tolerances)",
    "Divergence",
    "Negative curvature",
    "Trust region",
    "Convergence (forcing sequence)",
    "Convergence (Krylov space)",
)
SYMBOLS = (
    "circle",
    "triangle-up",
    "diamond",
    "x",
    "square",
    "star",
    "hexagon",
    "cross",
    "triangle-down",
    "pentagon",
)


def draw(material: Material) -> "go.Figure":
    """Iterations as markers by stop reason on a thin line, and the iterate taken as a dotted one."""
    traces = []
    for curve in material.curves:
        traces += growing(
            curve,
            "cg_iterations",
            colour=7,
            showlegend=False,
            hoverinfo="skip",
            hovertemplate=None,
            line={"width": 1},
            opacity=0.55,
        )
        if curve.measured("cg_chosen_iteration"):
            traces += growing(curve, "cg_chosen_iteration", colour=5, line={"dash": "dot", "width": 1.4})
        for index, reason in _reasons(curve):
            traces += _markers(curve, reason, index)
    return over_x(CG_ITERATIONS, material, traces, axis("CG iterations", rangemode="tozero"))


def _reasons(curve: Curve) -> list[tuple[int, str]]:
    """The reasons seen, each with its number: that of a known one never changes."""
    seen = {value for value in curve.series.values.get("cg_stop", ()) if isinstance(value, str)}
    known = [(index, reason) for index, reason in enumerate(REASONS) if reason in seen]
    return known + list(enumerate(sorted(seen.difference(REASONS)), start=len(REASONS)))


def _markers(curve: Curve, reason: str, index: int) -> list[Any]:
    return growing(
        curve,
        "cg_iterations",
        colour=index,
        name=reason,
        condition=Condition(metric="cg_stop", value=reason),
        mode="markers",
        marker={"symbol": SYMBOLS[index % len(SYMBOLS)], "size": 6},
    )


CG_ITERATIONS = Kind(
    name="cg-iterations",
    title="CG iterations",
    section="solve",
    reading=(
        "Length of each inner solve; colour and symbol say why it ended. Solves that keep hitting the limit ask for "
        "a better preconditioner or more damping. The dotted line is the iterate that backtracking took; far below "
        "the solves' length it says that most iterations were wasted."
    ),
    metrics=("cg_iterations", "cg_stop", "cg_chosen_iteration"),
    draw=draw,
)
