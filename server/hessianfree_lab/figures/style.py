"""The look that all figures share. It reads on white paper; the dashboard puts its theme's colours over it."""

import html
from typing import TYPE_CHECKING, Any, Protocol

from hessianfree_lab.figures.material import Material

if TYPE_CHECKING:
    import plotly.graph_objects as go

GRID = "#e4e7ec"
LINE = "#c4cad4"
TEXT = "#414957"
MARK = "#8b95a5"  # reads on white paper and on dark
LEGEND_CHARACTERS = 48


class Titled(Protocol):
    """What a figure says of itself, whatever it is drawn from."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def reading(self) -> str: ...

    @property
    def metrics(self) -> tuple[str, ...]: ...


WHOLE: dict[str, Any] = {"exponentformat": "none", "separatethousands": True}
"""Of an axis of steps, seconds or counts: 12 000 and not 1.2 x 10^4."""


def axis(title: str, **settings: Any) -> dict[str, Any]:
    """An axis with a title, which Plotly shows literally, and the common grid."""
    return {
        "title": {"text": plain(title), "standoff": 8},
        "automargin": True,
        "gridcolor": GRID,
        "linecolor": LINE,
        "zeroline": False,
        "exponentformat": "power",
        "minorloglabels": "none",
    } | settings


def edges(over: str = "y") -> dict[str, Any]:
    """The y axis for marks: 0 is the bottom edge of axis `over` and 1 its top, however the data are zoomed."""
    return {"overlaying": over, "range": [0, 1], "fixedrange": True, "visible": False, "tickmode": "auto"}


def figure(
    kind: Titled,
    material: Material,
    traces: list[Any],
    *,
    title: str | None = None,
    along: str | None = None,
    **layout: Any,
) -> "go.Figure":
    """A figure with the common look; `layout.meta` names it, says how to read it and what of it was there to draw.

    `along`: what its x axis is, if that is one along which runs go on: a page can zoom there, down to single steps.
    """
    import plotly.graph_objects as go

    parts = [{"showlegend": None} | trace if isinstance(trace, dict) else trace for trace in traces]
    common: dict[str, Any] = {
        "template": go.layout.Template(),
        "title": {"text": plain(title or kind.title), "x": 0.01, "xanchor": "left"},
        "meta": {
            "figure": kind.name,
            "reading": kind.reading,
            "metrics": list(kind.metrics),
            "seen": sorted({item for curve in material.curves for item in curve.seen(kind.metrics)}),
            "sampled": any(curve.series.sampled for curve in material.curves),
        }
        | ({"x": along} if along else {}),
        "uirevision": kind.name,
        "separators": ".\u202f",
        "font": {"color": TEXT, "size": 12},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "hovermode": "closest",
        "margin": {"l": 56, "r": 16, "t": 48, "b": 44},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
        "showlegend": sum(trace["showlegend"] is not False for trace in parts) > 1,
    }
    # Tests hold every figure to Plotly's schema; here, value by value, that would take half of the time to an answer.
    return go.Figure(data=parts, layout=common | layout, _validate=False)


def plain(text: str) -> str:
    """`text` as Plotly shows it literally: it reads tags such as <b> and entities in labels."""
    return html.escape(text, quote=False)


def in_legend(name: str) -> str:
    """A run's name as legends show it: literally, and no longer than leaves room for the figure."""
    return plain(name if len(name) <= LEGEND_CHARACTERS else f"{name[: LEGEND_CHARACTERS - 1]}…")


def in_hover(name: str) -> str:
    """A name as part of a hover template: literally, also where it looks like a placeholder."""
    return plain(name).replace("%{", "&#37;{")


def as_json(drawn: "go.Figure") -> dict[str, Any]:
    """`{data, layout}` for the wire, without the template, which says nothing."""
    parts = drawn.to_plotly_json()
    layout = {key: value for key, value in parts["layout"].items() if key != "template"}
    return {"data": list(parts["data"]), "layout": layout}
