"""The spectrum that CG saw on its way."""

import math
from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures import palette
from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.style import axis, figure, plain
from hessianfree_lab.records import CGTrace

if TYPE_CHECKING:
    import plotly.graph_objects as go

FAR_BELOW = 1e-2


def draw(material: Material) -> "go.Figure":
    """Ritz values in ascending order, logarithmic while all are positive, with the damping as a line."""
    import plotly.graph_objects as go

    trace = material.trace
    values = [] if trace is None else [value for value in trace.ritz_values if math.isfinite(value)]
    kind_of_axis = "log" if all(value > 0 for value in values) else "linear"
    markers = go.Scatter(
        x=list(range(1, len(values) + 1)),
        y=values,
        mode="markers",
        name="Ritz value",
        meta={"colour": 3},
        marker={"size": 6, "color": palette.colour(3)},
        hovertemplate="Ritz value %{x}: %{y}<extra></extra>",
    )
    damping = None if trace is None or trace.preconditioned else trace.damping
    if damping is not None and (not values or damping < FAR_BELOW * values[0]):
        damping = None  # its line would press all the values together
    preconditioned = trace is not None and trace.preconditioned
    drawn = figure(
        RITZ_VALUES,
        material,
        [markers],
        xaxis=axis("Number, ascending"),
        yaxis=axis("Ritz value, preconditioned" if preconditioned else "Ritz value", type=kind_of_axis),
        shapes=[] if not damping else [_line(damping)],
        annotations=[] if not damping else [_label(damping, kind_of_axis)],
    )
    drawn.layout.meta = drawn.layout.meta | {"caption": _caption(trace, values)}
    return drawn


def _caption(trace: CGTrace | None, values: list[float]) -> str:
    if trace is None:
        return "This run has no record of its inner solves."
    if not values:
        return f"Step {trace.step}: CG made no iteration that tells of the spectrum."
    matrix = "preconditioned, damped curvature" if trace.preconditioned else "damped curvature"
    damping = "" if trace.damping is None else f" (damping {trace.damping:.4g})"
    ends = f"from {values[0]:.4g} to {values[-1]:.4g}"
    said = f"Step {trace.step}: {len(values)} Ritz values of the {matrix}{damping}, {ends}"
    negative = sum(value <= 0 for value in values)
    return f"{said}; {negative} not above zero: negative curvature." if negative else f"{said}."


def _line(level: float) -> dict[str, Any]:
    span = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level, "y1": level}
    return span | {"line": {"color": "#8a919c", "width": 1, "dash": "dot"}, "layer": "below"}


def _label(level: float, kind_of_axis: str) -> dict[str, Any]:
    # Plotly places annotations on a logarithmic axis by exponent, shapes by value.
    y = math.log10(level) if kind_of_axis == "log" else level
    place = {"xref": "paper", "x": 1, "xanchor": "right", "y": y, "yanchor": "bottom"}
    return place | {"text": plain("damping"), "showarrow": False, "font": {"size": 11}}


RITZ_VALUES = Kind(
    name="ritz-values",
    title="Ritz values",
    section="step",
    reading=(
        "Eigenvalue estimates of the damped curvature (of the preconditioned one, where there is a preconditioner), "
        "read off CG's coefficients. A wide spread is a hard solve; a cluster at the damping is flat directions."
    ),
    metrics=("cg_iterations",),
    source="trace",
    either_scale=False,
    draw=draw,
)
