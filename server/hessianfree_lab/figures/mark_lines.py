"""How marks are drawn: a symbol at the lower edge, and a line through the figure."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from hessianfree_lab.figures import palette
from hessianfree_lab.figures.marks import Mark
from hessianfree_lab.figures.style import MARK, in_hover
from hessianfree_lab.records.series import Series

SYMBOLS = {"attempt": "triangle-right", "set": "diamond", "pause": "line-ns-open", "resume": "line-ns-open"}
DASHES = {
    "attempt": "dash",
    "set": "dot",
}  # of the line through the figure; pauses change nothing and have none


def trace_of(run: str, series: Series, marks: Sequence[Mark], *, colour: int) -> dict[str, Any]:
    """The marks of a run at the figure's lower edge, with their words on hover."""
    return {
        "type": "scatter",
        "x": [_place(series, mark) for mark in marks],
        "y": [0] * len(marks),
        "yaxis": "y2",
        "mode": "markers",
        "cliponaxis": False,
        "showlegend": False,
        "name": "marks",
        "meta": {"of": run, "colour": colour},
        "marker": {
            "symbol": [SYMBOLS[mark.kind] for mark in marks],
            "size": 9,
            "color": palette.colour(colour),
        },
        "text": [f"{in_hover(mark.text)}<br>from step {mark.step} on" for mark in marks],
        "hovertemplate": "%{text}<extra></extra>",
    }


def lines_of(series: Series, marks: Sequence[Mark]) -> list[dict[str, Any]]:
    """A line through the figure at each mark that changed the training."""
    return [
        {
            "type": "line",
            "layer": "below",
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "x0": _place(series, mark),
            "x1": _place(series, mark),
            "line": {"color": MARK, "width": 1.6, "dash": DASHES[mark.kind]},
        }
        for mark in marks
        if mark.kind in DASHES
    ]


def _place(series: Series, mark: Mark) -> Any:
    """x at the mark's step, or at the last one recorded."""
    return series.x[min(bisect_left(series.steps, mark.step), len(series.steps) - 1)]
