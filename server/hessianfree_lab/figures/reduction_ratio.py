"""How well the quadratic model predicted what the step achieved."""

from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures import palette
from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.over_x import over_x
from hessianfree_lab.figures.points import Limits
from hessianfree_lab.figures.style import axis, plain
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go

DISTRUST = 0.25  # below it damping rises [Martens 2010, 4.1]
TRUST = 0.75  # above it damping falls
SHOWN = Limits(low=-1.0, high=2.0)  # beyond, only that it is beyond matters
EVERYTHING = 1e6  # bands reach past any zoom


def draw(material: Material) -> "go.Figure":
    """Points on a thin line, over a band in which damping rises and one in which it falls."""
    traces = []
    for index, curve in enumerate(material.curves):
        traces += growing(
            curve,
            "reduction_ratio",
            colour=index,
            limits=SHOWN,
            mode="lines+markers",
            line={"width": 1},
            marker={"size": 4},
        )
    return over_x(
        REDUCTION_RATIO,
        material,
        traces,
        axis("Reduction ratio", range=[SHOWN.low, SHOWN.high]),
        shapes=[
            _band(-EVERYTHING, DISTRUST, palette.colour(1)),
            _band(TRUST, EVERYTHING, palette.colour(2)),
            _threshold(DISTRUST),
            _threshold(TRUST),
        ],
        annotations=[
            _label(DISTRUST, "top", f"below {DISTRUST}: damping rises"),
            _label(TRUST, "bottom", f"above {TRUST}: damping falls"),
        ],
    )


def _band(low: float, high: float, colour: str) -> dict[str, Any]:
    span = {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": low, "y1": high}
    return span | {"fillcolor": colour, "opacity": 0.09, "line": {"width": 0}, "layer": "below"}


def _threshold(level: float) -> dict[str, Any]:
    span = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level, "y1": level}
    return span | {"line": {"color": "#8a919c", "width": 1, "dash": "dot"}, "layer": "below"}


def _label(level: float, side: str, text: str) -> dict[str, Any]:
    place = {"xref": "paper", "x": 1, "xanchor": "right", "y": level, "yanchor": side}
    return place | {"text": plain(text), "showarrow": False, "font": {"size": 11}}


REDUCTION_RATIO = Kind(
    name="reduction-ratio",
    title="Reduction ratio",
    section="trust",
    reading=(
        "Actual over predicted reduction of the loss; 1 is a perfect prediction. Below 0.25 damping rises, above "
        "0.75 it falls. Many below 0.25, or marks at the lower edge, mean a model that is wrong: too long a step, too "
        "small a batch. Ratios outside -1 to 2 are marked at the edge."
    ),
    metrics=("reduction_ratio",),
    either_scale=False,
    draw=draw,
)
