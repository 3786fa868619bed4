"""Every trial's value, and the best so far."""

from typing import TYPE_CHECKING

from hessianfree_lab.figures.style import WHOLE, axis, edges
from hessianfree_lab.figures.sweeps.frame import BEST, COMPLETED, failures, frame, of_trials, points, prunings
from hessianfree_lab.figures.sweeps.material import Study, SweepKind

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draw(study: Study) -> "go.Figure":
    completed = study.completed
    choose = min if study.is_minimized else max
    best: list[float] = []
    for trial in completed:
        value = trial.value or 0.0
        best.append(choose(best[-1], value) if best else value)
    traces = [
        points(completed, study, colour=COMPLETED, name="trial")
        | {"x": [trial.number for trial in completed], "y": [trial.value for trial in completed]},
        {
            "type": "scatter",
            "mode": "lines",
            "name": "best so far",
            "x": [trial.number for trial in completed],
            "y": best,
            "line": {"shape": "hv", "width": 2},
            "hoverinfo": "skip",
            "meta": {"colour": BEST},
        },
        *prunings(study, [trial.number for trial in study.pruned]),
        failures(study, [trial.number for trial in study.failed]),
    ]
    y = axis(study.value_title, type="log" if study.has_log_values else "linear")
    last = max((trial.number for trial in study.trials), default=1)
    x = axis("Trial", range=[-0.6, last + 0.6], **WHOLE)
    drawn = frame(HISTORY, study, traces, xaxis=x, yaxis=y, yaxis2=edges(), showlegend=True)
    return of_trials(drawn, study, ())


HISTORY = SweepKind(
    name="history",
    title="Progress",
    reading=(
        "One dot a trial, in the order in which they were asked for, and the best value so far. A search that "
        "learns has its later dots near the line; a line that has long been flat says that more of the same will "
        "not help. Rings were pruned, and stand where they were then."
    ),
    draw=draw,
    either_scale=True,
)
