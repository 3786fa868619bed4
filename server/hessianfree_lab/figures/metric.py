"""Any metric of any number of runs, overlaid."""

from typing import TYPE_CHECKING

from hessianfree_lab.figures.axes import metric_title, scale_of
from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.over_x import over_x
from hessianfree_lab.figures.style import axis
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draw(material: Material) -> "go.Figure":
    """One line a run, in the order of the runs: a run has one colour wherever it is compared."""
    traces = []
    for index, curve in enumerate(material.curves):
        traces += growing(curve, material.metric, colour=index, name=curve.name)
    title = metric_title(material.metric)
    y = axis(title, type=scale_of(material.metric))
    return over_x(METRIC, material, traces, y, title=title, showlegend=True)


METRIC = Kind(
    name="metric",
    title="Metric",
    reading=(
        "One line a run. Steps of different optimizers cost very different amounts of work: compare on seconds or "
        "gradient equivalents before judging."
    ),
    draw=draw,
)
