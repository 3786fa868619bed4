"""The loss along the step, beside its model."""

import math
from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.points import Points, points
from hessianfree_lab.figures.style import axis, edges, figure
from hessianfree_lab.figures.traces import line_and_marks
from hessianfree_lab.records import CGTrace
from hessianfree_lab.records.series import Series

if TYPE_CHECKING:
    import plotly.graph_objects as go

PLACE = "at %{x} times the step"


def draw(material: Material) -> "go.Figure":
    """Loss and model over scales of the step, and the line search's trials as diamonds."""
    trace = material.trace
    drawn = figure(
        LOSS_SLICE,
        material,
        [] if trace is None or not trace.slice else _curves(trace),
        xaxis=axis("Scale of the step"),
        yaxis=axis("Loss"),
        yaxis2=edges(),
    )
    drawn.layout.meta = drawn.layout.meta | {"caption": _caption(trace)}
    return drawn


def _caption(trace: CGTrace | None) -> str:
    if trace is None or not trace.slice:
        return "This run has no record of the loss along a step so far back."
    lowest = min(trace.slice, key=lambda point: point.loss if math.isfinite(point.loss) else math.inf)
    return f"Step {trace.step}, the latest up to here that was looked along: the loss is lowest at {lowest.scale:g}."


def _curves(trace: CGTrace) -> list[Any]:
    scales = [point.scale for point in trace.slice]
    trials = sorted(trace.line_search, key=lambda trial: trial.scale)
    curves: tuple[tuple[str, int, list[float], list[float], dict[str, Any]], ...] = (
        ("loss", 0, scales, [point.loss for point in trace.slice], {}),
        ("model", 1, scales, [point.model for point in trace.slice], {"line": {"dash": "dash"}}),
        (
            "line search",
            2,
            [trial.scale for trial in trials],
            [trial.loss for trial in trials],
            {"mode": "markers", "marker": {"symbol": "diamond", "size": 9}},
        ),
    )
    return [
        part
        for name, colour, x, y, style in curves
        for part in line_and_marks(
            _over(x, y), name=name, colour=colour, place=PLACE, meta={"colour": colour}, **style
        )
    ]


def _over(scales: list[float], values: list[float]) -> Points:
    return points(Series("scale", [*scales], list(range(len(scales))), {"value": [*values]}), "value")


LOSS_SLICE = Kind(
    name="loss-slice",
    title="Loss along the step",
    section="step",
    reading=(
        "The loss at multiples of the step that CG and backtracking chose, beside what the damped quadratic model "
        "says of it: they touch at 0, and how long they stay together is how far the model can be trusted. A loss "
        "that is lowest far below 1 asks for more damping, one that still falls at 2 for less."
    ),
    metrics=("cg_iterations",),
    source="slice",
    asked_by="slices",
    either_scale=False,
    draw=draw,
)
