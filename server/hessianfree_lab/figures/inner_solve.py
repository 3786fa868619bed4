"""The inner solve of one step: what CG achieved at each iteration."""

from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.points import Points, points
from hessianfree_lab.figures.style import axis, edges, figure
from hessianfree_lab.figures.traces import line_and_marks
from hessianfree_lab.records import CGTrace
from hessianfree_lab.records.series import Series

if TYPE_CHECKING:
    import plotly.graph_objects as go

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
        yaxis2=axis("Residual norm", domain=[0, 0.36], type="log"),
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
    parts = [f"Step {trace.step}: {max(length, 0)} iterations"]
    if trace.stop:
        parts.append(f"ended by {trace.stop}")
    if trace.chosen_iteration is not None:
        parts.append(f"iterate {trace.chosen_iteration} taken")
    if trace.damping is not None:
        parts.append(f"damping {trace.damping:.4g}")
    if trace.line_search:
        scales = " → ".join(f"{trial.scale:.4g}" for trial in trace.line_search)
        parts.append(f"line search {scales}")
    return ", ".join(parts) + "."


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
    reading=(
        "CG minimizes the quadratic model: its value falls with every iteration, the residual need not. Circles are "
        "the iterates kept for backtracking, the diamond is the one whose true loss was best."
    ),
    metrics=("cg_iterations",),
    source="trace",
    either_scale=False,
    draw=draw,
)
