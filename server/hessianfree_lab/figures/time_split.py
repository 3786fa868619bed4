"""Where the time of each step goes."""

from typing import TYPE_CHECKING

from hessianfree_lab.figures.material import Kind, Material
from hessianfree_lab.figures.over_x import over_x
from hessianfree_lab.figures.style import axis
from hessianfree_lab.figures.traces import growing

if TYPE_CHECKING:
    import plotly.graph_objects as go

PARTS = {
    "seconds_gradient": ("gradient", 0),
    "seconds_preconditioner": ("preconditioner", 3),
    "seconds_cg": ("CG", 1),
    "seconds_search": ("search", 2),
    "seconds_rest": ("rest", 7),
}


def draw(material: Material) -> "go.Figure":
    """Areas one upon the other, that reach up to the time of the whole step."""
    traces = []
    for number, curve in enumerate(material.curves):
        for metric, (name, colour) in PARTS.items():
            if curve.measured(metric):
                traces += growing(
                    curve,
                    metric,
                    name=name,
                    colour=colour,
                    stackgroup=f"run {number}",
                    line={"width": 0.8},
                )
    return over_x(TIME_SPLIT, material, traces, axis("Seconds a step", rangemode="tozero"))


TIME_SPLIT = Kind(
    name="time-split",
    title="Where the time goes",
    section="cost",
    reading=(
        "Seconds of each step by what they were spent on. CG should take most of a Hessian-free step: where the "
        "search does, its steps are cut back again and again; where the rest does, something beside the method is "
        "slow."
    ),
    metrics=tuple(PARTS),
    draw=draw,
)
