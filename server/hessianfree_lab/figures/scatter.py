"""Two values of each of several runs against each other."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures import palette
from hessianfree_lab.figures.comparing.values import title_of
from hessianfree_lab.figures.material import Dot, Kind, Material
from hessianfree_lab.figures.style import axis, figure, in_hover, in_legend, plain

if TYPE_CHECKING:
    import plotly.graph_objects as go

REFRESH_SECONDS = 5
SYMBOLS = ("circle", "square", "diamond", "triangle-up")  # in place of the dashes that lines have


def draw(material: Material) -> "go.Figure":
    """A marker a run, in its own colour, or in that of its group; runs that lack a value are left out and counted."""
    dots = [dot for dot in material.dots if dot.x is not None and dot.y is not None]
    drawn = figure(
        SCATTER,
        material,
        list(_traces(dots, title_of(material.x_key), title_of(material.metric))),
        title=f"{title_of(material.metric)} against {title_of(material.x_key)}",
        xaxis=axis(title_of(material.x_key)),
        yaxis=axis(title_of(material.metric)),
    )
    lacking = len(material.dots) - len(dots)
    caption = f"{lacking} of {len(material.dots)} runs have no such value." if lacking else ""
    drawn.layout.meta = drawn.layout.meta | {"caption": caption, "refresh_seconds": REFRESH_SECONDS}
    return drawn


def _traces(dots: list[Dot], x_title: str, y_title: str) -> Iterator[dict[str, Any]]:
    said = f"{plain(y_title)} %{{y:.6~g}}<br>{plain(x_title)} %{{x:.6~g}}<extra></extra>"
    for dot in dots:
        in_group = "" if dot.group is None else f" ({in_hover(dot.group)})"
        yield {
            "type": "scatter",
            "uid": dot.run,
            "x": [dot.x],
            "y": [dot.y],
            "customdata": [dot.run],
            "meta": {"of": dot.run, "colour": dot.colour}
            | ({} if dot.group is None else {"group": dot.group}),
            "name": in_legend(dot.name),
            "mode": "markers",
            "marker": {
                "color": palette.colour(dot.colour),
                "symbol": SYMBOLS[dot.colour // len(palette.COLOURS) % len(SYMBOLS)],
                "size": 10,
            },
            "hovertemplate": f"{in_hover(dot.name)}{in_group}<br>{said}",
        }


SCATTER = Kind(
    name="scatter",
    title="Two values against each other",
    section="compare",
    reading=(
        "A point a run. What a setting costs and what it gains stand on the two axes; a point with nothing below "
        "and to the left of it is one that no other beats on both. A cloud without direction says that the one value "
        "does not buy the other."
    ),
    source="runs",
    draw=draw,
)
