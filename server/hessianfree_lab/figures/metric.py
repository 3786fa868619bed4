"""Any metric of any number of runs, overlaid."""

from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.axes import metric_title, scale_of, x_title
from hessianfree_lab.figures.grouped import lines_of_group
from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.over_x import over_x
from hessianfree_lab.figures.overlay import line_against, line_of_run
from hessianfree_lab.figures.style import WHOLE, axis, edges, figure

if TYPE_CHECKING:
    import plotly.graph_objects as go

REFRESH_SECONDS = 5


def draw(material: Material) -> "go.Figure":
    """One line a run, or one a group of runs, each in its own colour."""
    metric, comparison = material.metric, material.comparison
    title, scale = metric_title(metric), scale_of(metric)
    y_title = title
    traces: list[Any] = []
    if comparison is None:
        for curve in material.curves:
            traces += line_of_run(curve, metric)
        return over_x(METRIC, material, traces, axis(title, type=scale), title=title, showlegend=True)
    for group in comparison.groups:
        traces += lines_of_group(group, comparison, material.x_name)
    if not comparison.groups:
        for curve in material.curves:
            traces += line_against(curve, metric, comparison)
    if comparison.baseline is not None:
        name = next(curve.name for curve in material.curves if curve.run == comparison.baseline)
        title = f"{title} {'minus' if comparison.relation == 'difference' else 'over'} that of {name}"
        y_title = f"{comparison.relation.capitalize()} to the baseline"
        scale = "linear" if comparison.relation == "difference" else scale
    drawn = figure(
        METRIC,
        material,
        traces,
        title=title,
        along=material.x_name,
        xaxis=axis(x_title(material.x_name), **WHOLE),
        yaxis=axis(y_title, type=scale),
        yaxis2=edges(),
        showlegend=True,
    )
    # What is made of several runs cannot be made longer by one row: the page asks again.
    drawn.layout.meta = drawn.layout.meta | {"refresh_seconds": REFRESH_SECONDS}
    return drawn


METRIC = Kind(
    name="metric",
    title="Metric",
    section="compare",
    reading=(
        "One line a run. Steps of different optimizers cost very different amounts of work: compare on seconds or "
        "gradient equivalents before judging. A loss that turns up has gone too far or overfits; a line that ends "
        "before the others has failed, diverged or run out of its budget."
    ),
    draw=draw,
)
