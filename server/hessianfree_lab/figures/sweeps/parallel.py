"""Every trial as a line over all parameters at once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.style import in_hover, plain
from hessianfree_lab.figures.sweeps.frame import BEST, FAILED, PALE, frame, of_trials, told, written
from hessianfree_lab.figures.sweeps.material import (
    Study,
    SweepKind,
    brief,
    counted,
    label_of,
    places_of,
    short,
)
from hessianfree_lab.records.spaces import Choice, Dimension, key_of
from hessianfree_lab.records.sweeps import Trial

if TYPE_CHECKING:
    import plotly.graph_objects as go

_MOST_CHOICES = 8
MOST_LINES = 150
"""Of the best tenth, of the others, and of those that failed."""
_FEW = 50
"""So many lines of the best can be broad."""
_FAILED_AT = 1.06
"""Where lines of failed trials end, above the axis of values."""
_ABSENT_AT = -0.1
"""Where lines cross the axis of a parameter that the trial does not have, below it."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """One upright axis: where its values stand between 0 and 1, and what is written beside it."""

    title: str
    ticks: Sequence[tuple[float, str]]
    low: float = 0.0
    high: float = 1.0
    is_log: bool = False
    choices: Mapping[tuple[bool, Choice], int] | None = None

    def place(self, value: Any) -> float | None:
        """None: the value is not on the axis."""
        if self.choices is not None:
            index = self.choices.get(key_of(value))
            return None if index is None else _spread(index, len(self.choices))
        if not isinstance(value, int | float):
            return None
        low, high, at = self.low, self.high, float(value)
        if self.is_log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return (at - low) / (high - low) if high > low else 0.5


def draw(study: Study) -> "go.Figure":
    """One trace for the best tenth, one for the others, one for what failed: as fast as three lines.

    Of each so many lines that one can still be told from another, the best or the latest of them.
    """
    space = study.spec.search.space
    scales = [_scale_of(short(path, space), study.dimension(path)) for path in space]
    values = _scale_of_values(study)
    best = {trial.number for trial in study.best_tenth()}
    groups: list[tuple[str, list[Trial], dict[str, Any]]] = [
        (
            "others",
            [t for t in study.completed if t.number not in best][-MOST_LINES:],
            {"line": {"width": 1, "color": PALE}, "opacity": 0.45},
        ),
        (
            "pruned",
            study.pruned[-MOST_LINES:],
            {"line": {"width": 1, "dash": "dot", "color": PALE}, "opacity": 0.45},
        ),
        (
            "failed",
            study.failed[-MOST_LINES:],
            {"line": {"width": 1, "dash": "dot"}, "opacity": 0.8, "meta": {"colour": FAILED}},
        ),
        (
            "best tenth",
            study.best_tenth()[:MOST_LINES] if best else [],
            {"line": {"width": 2.2 if len(best) <= _FEW else 1.2}, "meta": {"colour": BEST}},
        ),
    ]
    traces = [
        _lines(name, trials, scales, values, study) | style
        for name, trials, style in groups
        if trials or name != "pruned"
    ]
    columns = [*scales, values]
    ends = {place for scale in columns for place, _ in scale.ticks}
    drawn = frame(
        PARALLEL,
        study,
        traces,
        xaxis={
            "tickvals": list(range(len(columns))),
            "ticktext": [plain(scale.title) for scale in columns],
            "range": [-0.55, len(columns) - 0.45],
            "showgrid": True,
            "gridcolor": "#c4cad4",
            "zeroline": False,
            "fixedrange": True,
            "automargin": True,
            "side": "bottom",
        },
        yaxis={
            "visible": False,
            "range": [-0.06 if _ABSENT_AT not in ends else _ABSENT_AT - 0.06, 1.1],
            "fixedrange": True,
        },
        annotations=[note for place, scale in enumerate(columns) for note in _labels(place, scale)],
        showlegend=True,
    )
    lines = sum(len(trials) for _, trials, _ in groups)
    if left_out := len(study.completed) + len(study.pruned) + len(study.failed) - lines:
        drawn.layout.meta = drawn.layout.meta | {"caption": _caption(lines, lines + left_out)}
    return of_trials(drawn, study, list(space))


def _caption(lines: int, trials: int) -> str:
    return (
        f"{counted(lines)} of {counted(trials)} trials are drawn: of the best tenth the best {MOST_LINES}, of the "
        f"others and of those that failed or were pruned the latest {MOST_LINES} each. The data table has all."
    )


def _lines(
    name: str, trials: Sequence[Trial], scales: Sequence[Scale], values: Scale, study: Study
) -> dict[str, Any]:
    """The lines of these trials in one trace, with gaps between them."""
    x: list[float | None] = []
    y: list[float | None] = []
    numbers: list[int | None] = []
    texts: list[str] = []
    titles = [in_hover(scale.title) for scale in scales]
    space = study.spec.search.space
    for trial in trials:
        params = [trial.params.get(path) for path in space]
        x += [*range(len(scales) + 1), None]
        y += [
            scale.place(trial.params[path]) if path in trial.params else _ABSENT_AT
            for scale, path in zip(scales, space, strict=True)
        ]
        y += [_worth_at(trial, values), None]
        numbers += [trial.number] * (len(scales) + 1) + [None]
        # All of it once a trial, where its value stands: at every point it would be most of the figure.
        texts += [
            _told_at(trial, title, written(value) if path in trial.params else "not set")
            for title, path, value in zip(titles, space, params, strict=True)
        ]
        texts += [told(trial, study), ""]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "marker": {"size": 4},
        "name": name,
        "x": x,
        "y": y,
        "customdata": numbers,
        "hovertext": texts,
        "hoverinfo": "text",
        "showlegend": bool(trials),
    }


def _worth_at(trial: Trial, values: Scale) -> float | None:
    """Where its line ends on the axis of values; None: before it, since it never got its value."""
    if trial.value is not None:
        return values.place(trial.value)
    return None if trial.state == "pruned" else _FAILED_AT


def _told_at(trial: Trial, title: str, value: str) -> str:
    return f"<b>Trial {trial.number}</b><br>{title}: {in_hover(value)}"


def _labels(place: int, scale: Scale) -> list[dict[str, Any]]:
    """What stands beside an axis: outside of the first and the last, where no lines are, and right of all others."""
    is_first = place == 0
    return [
        {
            "x": place,
            "y": at,
            "text": plain(text),
            "showarrow": False,
            "xanchor": "right" if is_first else "left",
            "xshift": -6 if is_first else 6,
            "font": {"size": 11},
            "bgcolor": "white",  # over the lines; a page puts its own surface in its place
            "opacity": 0.85,
            "borderpad": 1,
        }
        for at, text in scale.ticks
    ]


def _scale_of(title: str, dimension: Dimension) -> Scale:
    scale = _scale_where_set(title, dimension)
    return replace(scale, ticks=[*scale.ticks, (_ABSENT_AT, "not set")]) if dimension.when else scale


def _scale_where_set(title: str, dimension: Dimension) -> Scale:
    if dimension.choices is not None:
        choices, count = dimension.choices, len(dimension.choices)
        shown = range(0, count, max(1, -(-count // _MOST_CHOICES)))
        ticks = [(_spread(index, count), label_of(choices[index])) for index in shown]
        return Scale(title=title, ticks=ticks, choices=places_of(choices))
    assert dimension.low is not None
    assert dimension.high is not None
    return _range(title, float(dimension.low), float(dimension.high), is_log=dimension.log)


def _scale_of_values(study: Study) -> Scale:
    values = [trial.value or 0.0 for trial in study.completed]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    return _range(study.spec.objective.metric, low, high, is_log=study.has_log_values)


def _range(title: str, low: float, high: float, *, is_log: bool) -> Scale:
    middle = math.sqrt(low * high) if is_log else (low + high) / 2
    ticks = [(0.0, brief(low)), (1.0, brief(high))] if high > low else [(0.5, brief(low))]
    if high > low:
        ticks.insert(1, (0.5, brief(middle)))
    return Scale(title=title, ticks=ticks, low=low, high=high, is_log=is_log)


def _spread(index: int, count: int) -> float:
    return index / (count - 1) if count > 1 else 0.5


PARALLEL = SweepKind(
    name="parallel",
    title="Parallel coordinates",
    reading=(
        "One line a trial, through its setting of every parameter to its value at the right. Where the best tenth "
        "run together, the parameter matters; where they fan out, it does not. Dotted lines have failed: where many "
        "of them pass, the range is too wide. Pale dotted ones, which end before the last axis, were pruned. The "
        "legend hides and shows."
    ),
    draw=draw,
)
