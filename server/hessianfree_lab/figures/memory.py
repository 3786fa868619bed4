"""How much memory training has taken."""

from typing import TYPE_CHECKING

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.over_x import over_x
from hessianfree_lab.figures.style import axis
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draw(material: Material) -> "go.Figure":
    """The most so far, from zero."""
    traces = []
    for curve in material.curves:
        traces += growing(curve, "peak_memory_bytes", colour=4, line={"shape": "hv"})
    memory = axis("Peak memory", rangemode="tozero", tickformat=".3~s", ticksuffix="B")
    return over_x(MEMORY, material, traces, memory)


MEMORY = Kind(
    name="memory",
    title="Memory",
    section="cost",
    reading=(
        "The most that was in use so far, of the GPU or of the process. It settles within the first steps; what "
        "goes on climbing is a leak, or graphs that are kept."
    ),
    metrics=("peak_memory_bytes",),
    draw=draw,
)
