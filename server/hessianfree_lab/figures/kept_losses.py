"""The quadratic model of one step against the loss itself, iterate by iterate."""

import math
from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.points import Limits, Points, points
from hessianfree_lab.figures.style import MARK, axis, edges, figure
from hessianfree_lab.figures.traces import line_and_marks
from hessianfree_lab.records import CGTrace
from hessianfree_lab.records.series import Series

if TYPE_CHECKING:
    import plotly.graph_objects as go

PLACE = "iteration %{customdata}"
HEADROOM = 1.0  # of the model's whole reduction: a loss further above the start is marked at the edge


def draw(material: Material) -> "go.Figure":
    """Change of the model's value over iterations, and the change of the loss at the iterates that were tried."""
    trace = material.trace
    drawn = figure(
        KEPT_LOSSES,
        material,
        [] if trace is None else _curves(trace),
        xaxis=axis("CG iteration", rangemode="tozero"),
        yaxis=axis("Change of the loss"),
        yaxis2=edges(),
        shapes=[_line()],
    )
    drawn.layout.meta = drawn.layout.meta | {"caption": _caption(trace)}
    return drawn


def changes(trace: CGTrace) -> dict[int, float]:
    """The true change of the loss at every kept iterate that was evaluated."""
    if trace.loss is None:
        return {}
    return {kept.iteration: kept.loss - trace.loss for kept in trace.kept if kept.loss is not None}


def _curves(trace: CGTrace) -> list[Any]:
    import plotly.graph_objects as go

    true = changes(trace)
    model = [value for value in trace.model_values if math.isfinite(value)]
    reach = max([abs(value) for value in [*model, *(v for v in true.values() if v < 0)]], default=1.0)
    limits = Limits(low=-1e300, high=max([HEADROOM * reach, *model]))
    found = [
        *line_and_marks(
            _over(list(range(len(trace.model_values))), trace.model_values),
            name="model",
            colour=0,
            place=PLACE,
            meta={"colour": 0},
        ),
        *line_and_marks(
            _over(sorted(true), [true[i] for i in sorted(true)], limits),
            name="loss",
            colour=1,
            place=PLACE,
            meta={"colour": 1},
            mode="lines+markers",
            line={"width": 1, "dash": "dot"},
            marker={"size": 7},
        ),
    ]
    taken = trace.chosen_iteration
    if taken is not None and taken in true and math.isfinite(true[taken]):
        found.append(
            go.Scatter(
                x=[taken],
                y=[true[taken]],
                customdata=[taken],
                mode="markers",
                name="taken",
                meta={"colour": 1},
                marker={"symbol": "diamond", "size": 12},
                cliponaxis=False,
                hovertemplate="iteration %{customdata}: taken<br>loss changes by %{y:.6~g}<extra></extra>",
            )
        )
    return found


def _over(iterations: list[int], values: list[float], limits: Limits | None = None) -> Points:
    series = Series("iteration", [float(i) for i in iterations], iterations, {"value": [*values]})
    return points(series, "value", limits=limits)


def _line() -> dict[str, Any]:
    span = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0}
    return span | {"line": {"color": MARK, "width": 1, "dash": "dot"}, "layer": "below"}


def _caption(trace: CGTrace | None) -> str:
    if trace is None:
        return "This run has no record of its inner solves."
    true = changes(trace)
    if not true:
        return f"Step {trace.step}: the loss of no iterate was evaluated."
    said = f"Step {trace.step}: {len(true)} of {len(trace.kept)} kept iterates were evaluated"
    taken = trace.chosen_iteration
    if taken is None or taken not in true or taken >= len(trace.model_values):
        return f"{said}."
    promised = trace.model_values[taken]
    return f"{said}; iterate {taken} was taken: the loss changes by {true[taken]:.4g}, the model says {promised:.4g}."


KEPT_LOSSES = Kind(
    name="kept-losses",
    title="Model against loss, by iterate",
    section="step",
    reading=(
        "The change of the loss that the quadratic model promises at each CG iteration, and the true one at the "
        "kept iterates that were tried. As long as the dots follow the line the model holds; where they turn up, CG "
        "went on beyond what the model knows, and an earlier iterate is better."
    ),
    metrics=("cg_iterations",),
    source="trace",
    either_scale=False,
    draw=draw,
)
