"""The inner solve of one step: what CG achieved at each iteration."""

import math
from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.points import Points, points
from hessianfree_lab.figures.style import axis, edges, figure
from hessianfree_lab.figures.traces import line_and_marks
from hessianfree_lab.records import CGTrace, Trial
from hessianfree_lab.records.series import Series

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_SCALES = 4  # of a line search that are named one by one
PLACE = "iteration %{customdata}"


def draw(material: Material) -> "go.Figure":
    """Model value above, residual norm below, over one axis of iterations; kept iterates and the chosen one marked."""
    trace = material.trace
    traces = [] if trace is None else [*_model(trace), *_iterates(trace), *_residual(trace)]
    drawn = figure(
        INNER_SOLVE,
        material,
        traces,
        xaxis=axis("CG iteration", anchor="y2", rangemode="tozero"),
        yaxis=axis("Model value", domain=[0.42, 1]),
        yaxis2=axis(
            "Residual", domain=[0, 0.36], type="log", **few_ticks(trace.residual_norms if trace else [])
        ),
        yaxis3=edges("y"),
        yaxis4=edges("y2"),
    )
    drawn.layout.meta = drawn.layout.meta | {"caption": _caption(trace)}
    return drawn


def _caption(trace: CGTrace | None) -> str:
    """The solve in a sentence, for the line above the figure."""
    if trace is None:
        return "This run has no record of its inner solves."
    length = max(len(trace.model_values), len(trace.residual_norms)) - 1
    parts = [f"Step {trace.step}: {max(length, 0)} iteration{'' if length == 1 else 's'}"]
    if trace.stop:
        parts.append(f"ended by {trace.stop}")
    if trace.chosen_iteration is not None:
        parts.append(f"iterate {trace.chosen_iteration} taken")
    if trace.damping is not None:
        parts.append(f"damping {trace.damping:.4g}")
    if trace.line_search:
        parts.append(f"line search {_search(trace.line_search)}")
    return ", ".join(parts) + "."


def few_ticks(values: list[float], most: int = 4) -> dict[str, Any]:
    """Ticks of a low logarithmic axis: 1, 2, 5, 10 ... where there is room for them, else whole powers of ten."""
    known = [value for value in values if math.isfinite(value) and value > 0]
    if not known:
        return {"nticks": 2}
    decades = range(math.floor(math.log10(min(known))), math.ceil(math.log10(max(known))) + 1)
    for digits in ((1, 2, 5), (1,)):
        ticks = [digit * 10.0**decade for decade in decades for digit in digits]
        shown = [tick for tick in ticks if min(known) <= tick <= max(known)]
        if len(shown) <= most:
            break
    return {"tickvals": shown[:: -(-len(shown) // most)]} if shown else {"nticks": most}


def _search(trials: list[Trial]) -> str:
    """The scales that were tried; of many the first two and the last."""
    scales = [f"{trial.scale:.4g}" for trial in trials]
    if len(scales) <= MOST_SCALES:
        return " → ".join(scales)
    return f"{scales[0]} → {scales[1]} → … → {scales[-1]} ({len(scales)} trials)"


def _over_iterations(values: list[float]) -> Points:
    count = list(range(len(values)))
    return points(Series("iteration", [float(i) for i in count], count, {"value": list(values)}), "value")


def _model(trace: CGTrace) -> list[Any]:
    return line_and_marks(
        _over_iterations(trace.model_values),
        name="model value",
        colour=0,
        place=PLACE,
        meta={"colour": 0},
        edge_axis="y3",
    )


def _residual(trace: CGTrace) -> list[Any]:
    return line_and_marks(
        _over_iterations(trace.residual_norms),
        name="residual norm",
        colour=2,
        place=PLACE,
        meta={"colour": 2},
        edge_axis="y4",
        yaxis="y2",
    )


def _iterates(trace: CGTrace) -> list[Any]:
    """Kept iterates as open circles, the chosen one as a diamond, on the model's curve."""
    import plotly.graph_objects as go

    drawn = _over_iterations(trace.model_values)
    losses = {kept.iteration: kept.loss for kept in trace.kept}

    def at(iterations: list[int], **style: Any) -> Any:
        known = [i for i in iterations if 0 <= i < len(drawn.y) and drawn.y[i] is not None]
        return go.Scatter(
            x=known,
            y=[drawn.y[i] for i in known],
            customdata=[[i, "not evaluated" if losses.get(i) is None else f"{losses[i]:.6g}"] for i in known],
            mode="markers",
            cliponaxis=False,
            hovertemplate="iteration %{customdata[0]}: model %{y}<br>loss there %{customdata[1]}<extra></extra>",
            **style,
        )

    chosen = [] if trace.chosen_iteration is None else [trace.chosen_iteration]
    return [
        at(sorted(losses), name="kept", meta={"colour": 0}, marker={"symbol": "circle-open", "size": 7}),
        at(chosen, name="taken", meta={"colour": 1}, marker={"symbol": "diamond", "size": 10}),
    ]


INNER_SOLVE = Kind(
    name="inner-solve",
    title="Inner solve",
    section="step",
    reading=(
        "CG minimizes the quadratic model: its value falls with every iteration, the residual need not. Circles are "
        "the iterates kept for backtracking, the diamond is the one whose true loss was best. A model that still "
        "falls steeply at its end was cut off; one long flat tail is work for nothing."
    ),
    metrics=("cg_iterations",),
    source="trace",
    either_scale=False,
    draw=draw,
)
