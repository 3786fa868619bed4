"""Values against one parameter."""

from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.style import axis, edges, plain
from hessianfree_lab.figures.sweeps.frame import BEST, COMPLETED, failures, frame, of_trials, points, prunings
from hessianfree_lab.figures.sweeps.material import Study, SweepKind, label_of, short
from hessianfree_lab.records.sweeps import Trial

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draw(study: Study) -> "go.Figure":
    """One dot a trial; among choices their medians too, since dots lie on top of each other."""
    path = study.param or next(iter(study.spec.search.space))
    dimension = study.dimension(path)

    def place(trial: Trial) -> Any:
        value = trial.params[path]
        return value if dimension.choices is None else plain(label_of(value))

    own = study.having(path)
    completed = own.completed
    traces = [
        points(completed, own, colour=COMPLETED, name="trial")
        | {"x": [place(trial) for trial in completed], "y": [trial.value for trial in completed]}
    ]
    if dimension.choices is not None:
        traces.append(_medians(completed, place))
        labels = [plain(label_of(choice)) for choice in dimension.choices]
        x = axis(
            path,
            type="category",
            categoryorder="array",
            categoryarray=labels,
            range=[-0.5, len(labels) - 0.5],
        )
    else:
        x = axis(path, type="log" if dimension.log else "linear")
    traces += prunings(own, [place(trial) for trial in own.pruned])
    traces.append(failures(own, [place(trial) for trial in own.failed]))
    y = axis(study.value_title, type="log" if study.has_log_values else "linear")
    drawn = frame(
        SLICE,
        study,
        traces,
        title=short(path, study.spec.search.space),
        xaxis=x,
        yaxis=y,
        yaxis2=edges(),
        showlegend=False,
    )
    return of_trials(drawn, study, [path])


def _medians(completed: list[Trial], place: Any) -> dict[str, Any]:
    values = defaultdict(list)
    for trial in completed:
        values[place(trial)].append(trial.value or 0.0)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "median",
        "x": list(values),
        "y": [median(found) for found in values.values()],
        "marker": {"symbol": "line-ew", "size": 34, "line": {"width": 2.5}},
        "hovertemplate": "median %{y:.4g}<extra></extra>",
        "meta": {"colour": BEST, "marks": True},
    }


SLICE = SweepKind(
    name="slice",
    title="Slice",
    reading=(
        "The value of every trial against one parameter, whatever the others were; crosses at the edge have "
        "failed, rings were pruned. A valley says where to search on; an optimum at an end of the range says that "
        "the range is too small."
    ),
    draw=draw,
    either_scale=True,
)
