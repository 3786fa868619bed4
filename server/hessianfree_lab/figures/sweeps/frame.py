"""The look that the figures of a sweep share with all others, and the marks that several of them have."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.material import Material
from hessianfree_lab.figures.style import figure, in_hover
from hessianfree_lab.figures.sweeps.material import Study, SweepKind, label_of, worth_when_pruned
from hessianfree_lab.records.sweeps import Trial

if TYPE_CHECKING:
    import plotly.graph_objects as go

COMPLETED, BEST, FAILED = 0, 2, 1
"""Colours of the theme by number: one meaning in every figure of a sweep."""
PALE = "#8b95a5"
MOST_TOLD = 1000
"""So many trials of a trace say all their parameters under the pointer; marks of more are small and pale."""
_UPPER_EDGE = 0.96


def frame(kind: SweepKind, study: Study, traces: list[Any], **layout: Any) -> "go.Figure":
    """A figure with the common look, and what of a sweep it shows. `layout` may have a `title`."""
    drawn = figure(kind, Material(), traces, **layout)
    drawn.layout.meta = {**drawn.layout.meta, "trials": len(study.trials)}
    return drawn


def of_trials(drawn: "go.Figure", study: Study, paths: Sequence[str]) -> "go.Figure":
    """The figure with its trials as the table behind it: what is drawn of them are places in cells and on axes.

    `paths`: the parameters that the figure is about. All of ten thousand trials would be megabytes in every figure.
    """
    rows = [
        [trial.number, trial.state, *(trial.params.get(path) for path in paths), trial.value]
        for trial in study.trials
    ]
    table = {"columns": ["Trial", "State", *paths, study.value_title], "rows": rows}
    drawn.layout.meta = {**drawn.layout.meta, "table": table}
    return drawn


def labels(trials: Sequence[Trial], study: Study) -> dict[str, Any]:
    """What marks of trials say when the pointer is on them; of a great many only number and value, as a template."""
    if len(trials) <= MOST_TOLD:
        return {"hovertext": [told(trial, study) for trial in trials], "hoverinfo": "text"}
    is_failed = all(trial.state == "failed" for trial in trials)
    is_pruned = all(trial.state == "pruned" for trial in trials)
    value = "failed" if is_failed else "%{y:.4g} when pruned" if is_pruned else "%{y:.4g}"
    metric = in_hover(study.spec.objective.metric)
    return {"hovertemplate": f"<b>Trial %{{customdata}}</b>: {metric} {value}<extra></extra>"}


def told(trial: Trial, study: Study) -> str:
    """A trial in a hover label: its number, value and parameters."""
    value = _said(trial, study)
    metric = in_hover(study.spec.objective.metric)
    lines = [f"<b>Trial {trial.number}</b>: {metric} {value}"]
    lines += [
        f"{in_hover(path)}: {in_hover(written(trial.params[path]))}"
        for path in study.spec.search.space
        if path in trial.params
    ]
    return "<br>".join(lines)


def _said(trial: Trial, study: Study) -> str:
    if trial.value is not None:
        return f"{trial.value:.4g}"
    pruning, worth = study.spec.search.pruning, worth_when_pruned(trial)
    if trial.state != "pruned" or pruning is None:
        return "failed"
    value = "" if worth is None else f"{worth:.4g} "
    return f"{value}when pruned at {trial.rungs[-1].at:g} {pruning.of}" if trial.rungs else "pruned"


def points(trials: Sequence[Trial], study: Study, *, colour: int, name: str, **style: Any) -> dict[str, Any]:
    """Marks of trials; a click on one leads to its runs."""
    look = {"size": 7, "opacity": 0.8} if len(trials) <= MOST_TOLD else {"size": 4, "opacity": 0.4}
    marker = look | style.pop("marker", {})
    marks = {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "marker": marker,
        "customdata": [trial.number for trial in trials],
        "meta": {"colour": colour},
    }
    return marks | labels(trials, study) | style


def prunings(study: Study, x: Sequence[Any]) -> list[dict[str, Any]]:
    """Pale rings for trials that were pruned, at what they were worth then; nothing where there are none."""
    if not study.pruned:
        return []
    ring = {"symbol": "circle-open", "size": 6, "color": PALE, "line": {"width": 1.4}}
    trace = points(study.pruned, study, colour=COMPLETED, name="pruned", marker=ring)
    del trace["meta"]  # it has a colour of its own
    return [trace | {"x": list(x), "y": [worth_when_pruned(trial) for trial in study.pruned]}]


def failures(study: Study, x: Sequence[Any], **style: Any) -> dict[str, Any]:
    """Crosses at the upper edge for trials that failed, on the axis y2."""
    failed = study.failed
    cross = {"symbol": "x-thin", "size": 8, "line": {"width": 1.6}}
    trace = points(failed, study, colour=FAILED, name="failed", marker=cross)
    trace["meta"] = {"colour": FAILED, "marks": True}
    return (
        trace
        | {"x": list(x), "y": [_UPPER_EDGE] * len(failed), "yaxis": "y2", "showlegend": bool(failed)}
        | style
    )


def written(value: Any) -> str:
    """A parameter's value in a hover label."""
    return f"{value:.4g}" if isinstance(value, float) else label_of(value)
