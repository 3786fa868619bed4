"""The trials of one step's line search."""

from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.points import Points, points
from hessianfree_lab.figures.style import MARK, axis, edges, figure
from hessianfree_lab.figures.traces import line_and_marks
from hessianfree_lab.records import CGTrace
from hessianfree_lab.records.series import Series

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draw(material: Material) -> "go.Figure":
    """Loss at every scale that was tried, from the start at 0; the last one is where the search ended."""
    trace = material.trace
    drawn = figure(
        LINE_SEARCH,
        material,
        [] if trace is None else _curves(trace),
        xaxis=axis("Scale of the step", rangemode="tozero"),
        yaxis=axis("Loss"),
        yaxis2=edges(),
        shapes=[] if trace is None or trace.loss is None else [_line(trace.loss)],
    )
    drawn.layout.meta = drawn.layout.meta | {"caption": _caption(trace)}
    return drawn


def _curves(trace: CGTrace) -> list[Any]:
    trials = [(trial.scale, trial.loss) for trial in trace.line_search]
    start = [] if trace.loss is None or not trials else [(0.0, trace.loss)]
    parts: tuple[tuple[str, int, list[tuple[float, float]], dict[str, Any]], ...] = (
        ("start", 7, start, {"symbol": "circle-open", "size": 9}),
        ("tried", 0, trials[:-1], {"symbol": "circle", "size": 7}),
        ("last", 1, trials[-1:], {"symbol": "diamond", "size": 11}),
    )
    return [
        part
        for name, colour, places, marker in parts
        for part in line_and_marks(
            _over(places),
            name=name,
            colour=colour,
            place="at %{x} times the step",
            meta={"colour": colour},
            mode="markers",
            marker=marker,
            cliponaxis=False,
        )
    ]


def _over(places: list[tuple[float, float]]) -> Points:
    scales, losses = [scale for scale, _ in places], [loss for _, loss in places]
    return points(Series("scale", [*scales], list(range(len(scales))), {"value": [*losses]}), "value")


def _line(level: float) -> dict[str, Any]:
    span = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level, "y1": level}
    return span | {"line": {"color": MARK, "width": 1, "dash": "dot"}, "layer": "below"}


def _caption(trace: CGTrace | None) -> str:
    if trace is None:
        return "This run has no record of its inner solves."
    if not trace.line_search:
        return f"Step {trace.step}: there was no search along the step."
    count = len(trace.line_search)
    last = trace.line_search[-1]
    tries = "one trial" if count == 1 else f"{count} trials"
    better = "" if trace.loss is None or last.loss < trace.loss else ", which is no better than the start"
    return f"Step {trace.step}: {tries}, the last at {last.scale:.4g} times the step: loss {last.loss:.6g}{better}."


LINE_SEARCH = Kind(
    name="line-search",
    title="Line search",
    section="step",
    reading=(
        "Losses at the scales of the step that were tried, from the longest on, against the start's (dotted). One "
        "trial at full length is the best case; many, towards zero, mean that the direction hardly goes down."
    ),
    metrics=("cg_iterations",),
    source="trace",
    either_scale=False,
    draw=draw,
)
