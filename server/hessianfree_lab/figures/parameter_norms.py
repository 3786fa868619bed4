"""How large the parameters are, layer by layer."""

from typing import TYPE_CHECKING

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.over_x import over_x
from hessianfree_lab.figures.style import axis
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go

OF_A_LAYER = "parameter_norm."


def draw(material: Material) -> "go.Figure":
    """A line a layer, in the model's order, and all of them together."""
    traces = []
    for curve in material.curves:
        layers = sorted((name for name in curve.series.values if name.startswith(OF_A_LAYER)), key=_natural)
        traces += growing(curve, "parameter_norm", name="all", colour=7, line={"width": 2.4})
        for number, metric in enumerate(layers):
            # Seven of the eight colours, each with four dashes; the eighth is that of all together.
            colour = number % 7 + 8 * (number // 7)
            traces += growing(curve, metric, name=metric.removeprefix(OF_A_LAYER), colour=colour)
    return over_x(PARAMETER_NORMS, material, traces, axis("Parameter norm", type="log"))


def _natural(name: str) -> list[tuple[int, str]]:
    """Numbers within names in the order of numbers: layer 2 before layer 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]


PARAMETER_NORMS = Kind(
    name="parameter-norms",
    title="Parameter norms by layer",
    section="layers",
    reading=(
        "Euclidean norm of each layer's parameters before each step. Layers that grow without an end ask for weight "
        "decay; one that falls to nothing has died, and one that never moves is not trained."
    ),
    metrics=("parameter_norm",),
    family=OF_A_LAYER,
    draw=draw,
)
