"""The best value over two parameters."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.heat import SEQUENTIAL
from hessianfree_lab.figures.style import axis, in_hover, plain
from hessianfree_lab.figures.sweeps.frame import FAILED, PALE, frame, of_trials, points
from hessianfree_lab.figures.sweeps.material import Study, SweepKind, brief, label_of, places_of
from hessianfree_lab.records.spaces import Choice, Dimension, key_of
from hessianfree_lab.records.sweeps import Trial

if TYPE_CHECKING:
    import plotly.graph_objects as go

_BINS = 10
_MOST_CELLS = 50
"""Of a parameter with more choices than these, neighbours share a cell."""
_MOST_TICKS = 6
_MOST_VALUES = 12
"""So many different values of a range are shown one by one; more of them in bins."""


@dataclass(frozen=True, kw_only=True)
class Cells:
    """One parameter cut into cells: what stands at which place of the axis, and what each cell is called."""

    path: str
    names: Sequence[str]
    ticks: Sequence[tuple[float, str]]
    bounds: Sequence[float] = ()  # between bins, ends included
    places: Mapping[tuple[bool, Choice], int] | None = None  # the cell of each value, where they are not bins
    together: int = 1  # so many choices share a cell

    def of(self, value: Any) -> int | None:
        """The cell that a value is in."""
        if self.places is not None:
            return self.places.get(key_of(value))
        above = sum(bool(value >= bound) for bound in self.bounds) - 1
        return min(max(above, 0), len(self.bounds) - 2)

    def axis(self) -> dict[str, Any]:
        return axis(
            self.path,
            tickvals=[place for place, _ in self.ticks],
            ticktext=[plain(text) for _, text in self.ticks],
            range=[-0.5, len(self.names) - 0.5],
            showgrid=False,
            fixedrange=True,
            ticklabeloverflow="allow",
        )


def draw(study: Study) -> "go.Figure":
    """Cells coloured by their best value; crosses where all trials failed, a ring where the best of all is."""
    paths = list(study.spec.search.space)
    across = cells_of(study.x or paths[0], study)
    up = cells_of(study.y or paths[min(1, len(paths) - 1)], study)
    of_cell: dict[tuple[int, int], list[Trial]] = defaultdict(list)
    own = study.having(across.path, up.path)
    for trial in [*own.ranked(), *own.pruned, *own.failed]:
        column, row = across.of(trial.params[across.path]), up.of(trial.params[up.path])
        if column is not None and row is not None:
            of_cell[row, column].append(trial)
    best = {cell: trials[0].value for cell, trials in of_cell.items() if trials[0].value is not None}
    traces: list[dict[str, Any]] = [_heat(study, across, up, of_cell, best)]
    left = {cell for cell in of_cell if cell not in best and of_cell[cell][0].state == "pruned"}
    lost = [cell for cell in of_cell if cell not in best and cell not in left]
    if left:
        traces.append(
            points([of_cell[cell][0] for cell in left], study, colour=FAILED, name="pruned")
            | {
                "x": [column for _, column in left],
                "y": [row for row, _ in left],
                "marker": {"symbol": "circle-open", "size": 7, "color": PALE, "line": {"width": 1.4}},
                "meta": {},
            }
        )
    traces.append(
        points([of_cell[cell][0] for cell in lost], study, colour=FAILED, name="all failed")
        | {
            "x": [column for _, column in lost],
            "y": [row for row, _ in lost],
            "marker": {"symbol": "x-thin", "size": 9, "line": {"width": 1.6}},
            "meta": {"colour": FAILED, "marks": True},
        }
    )
    if own.completed:
        first = own.ranked()[0]
        traces.append(
            points([first], study, colour=FAILED, name="best")
            | {
                "x": [across.of(first.params[across.path])],
                "y": [up.of(first.params[up.path])],
                "marker": {"symbol": "circle-open", "size": 15, "line": {"width": 2.4}},
                "meta": {"colour": FAILED, "marks": True},
            }
        )
    drawn = frame(MAP, study, traces, xaxis=across.axis(), yaxis=up.axis(), showlegend=False)
    grouped = {cells.path: cells for cells in (across, up)}
    captions = [
        f"A cell holds {cells.together} neighbouring choices of {path}."
        for path, cells in grouped.items()
        if cells.together > 1
    ]
    if captions:
        drawn.layout.meta = drawn.layout.meta | {"caption": " ".join(captions)}
    return of_trials(drawn, study, list(grouped))


def cells_of(path: str, study: Study) -> Cells:
    """A cell for every choice, or for every value where these are few, or else equal bins of the range."""
    dimension = study.dimension(path)
    if dimension.choices is not None:
        return _single(path, dimension.choices)
    seen = sorted({trial.params[path] for trial in study.trials if path in trial.params})  # type: ignore[type-var]
    if seen and len(seen) <= _MOST_VALUES and (isinstance(dimension.low, int) or dimension.step is not None):
        return _single(path, seen)
    return _binned(path, dimension)


def _single(path: str, values: Sequence[Choice]) -> Cells:
    """A cell each, or for neighbours together where they are many."""
    together = -(-len(values) // _MOST_CELLS)
    names = [brief(value, 4) if isinstance(value, float) else label_of(value) for value in values]
    if together > 1:
        groups = [names[place : place + together] for place in range(0, len(names), together)]
        names = [f"{group[0]} … {group[-1]}" for group in groups]
    places = {key: place // together for key, place in places_of(values).items()}
    shown = range(0, len(names), -(-len(names) // _MOST_TICKS) if together > 1 else 1)
    ticks = [(place, names[place]) for place in shown]
    return Cells(path=path, names=names, ticks=ticks, places=places, together=together)


def _binned(path: str, dimension: Dimension) -> Cells:
    assert dimension.low is not None
    assert dimension.high is not None
    low, high = float(dimension.low), float(dimension.high)
    if dimension.log:
        low, high = math.log(low), math.log(high)
    bounds = [low + (high - low) * place / _BINS for place in range(_BINS + 1)]
    if dimension.log:
        bounds = [math.exp(bound) for bound in bounds]
    names = [f"{brief(left)} to {brief(right)}" for left, right in pairwise(bounds)]
    ticks = [(place - 0.5, brief(bounds[place])) for place in range(0, _BINS + 1, 2)]
    return Cells(path=path, names=names, ticks=ticks, bounds=bounds)


def _heat(
    study: Study,
    across: Cells,
    up: Cells,
    of_cell: dict[tuple[int, int], list[Trial]],
    best: dict[tuple[int, int], float],
) -> dict[str, Any]:
    is_log = study.has_log_values

    def shade(value: float | None) -> float | None:
        return math.log10(value) if is_log and value is not None else value

    def hover(row: int, column: int) -> str | None:
        trials = of_cell.get((row, column))
        if trials is None:
            return None  # nothing is drawn there
        value = best.get((row, column))
        states = {trial.state for trial in trials}
        none = (
            "all failed"
            if states == {"failed"}
            else "all pruned"
            if states == {"pruned"}
            else "pruned or failed"
        )
        said = none if value is None else f"best {value:.4g}"
        return (
            f"{in_hover(across.path)}: {in_hover(across.names[column])}<br>{in_hover(up.path)}: "
            f"{in_hover(up.names[row])}<br>{said}, {len(trials)} {'trial' if len(trials) == 1 else 'trials'}"
        )

    rows, columns = range(len(up.names)), range(len(across.names))
    colours = list(SEQUENTIAL if not study.is_minimized else reversed(SEQUENTIAL))
    ticks = _colour_ticks([value for value in best.values() if value is not None], is_log=is_log)
    return {
        "type": "heatmap",
        "x": list(columns),
        "y": list(rows),
        "z": [[shade(best.get((row, column))) for column in columns] for row in rows],
        "customdata": [[_number(of_cell.get((row, column))) for column in columns] for row in rows],
        "hovertext": [[hover(row, column) for column in columns] for row in rows],
        "hoverinfo": "text",
        "hoverongaps": False,
        "xgap": 2,
        "ygap": 2,
        "name": "best value",
        "colorscale": [[place / (len(colours) - 1), colour] for place, colour in enumerate(colours)],
        "colorbar": {
            "thickness": 10,
            "outlinewidth": 0,
            "title": {"text": plain(study.value_title), "side": "right", "font": {"size": 12}},
            "tickfont": {"size": 11},
            **ticks,
        },
        "showlegend": False,
    }


def _number(trials: Sequence[Trial] | None) -> int | None:
    return trials[0].number if trials else None


def _colour_ticks(values: Sequence[float], *, is_log: bool) -> dict[str, Any]:
    """Values as they are, also where the colours follow their logarithms."""
    if not values:
        return {}
    low, high = min(values), max(values)
    shown = [low, math.sqrt(low * high), high] if is_log else [low, (low + high) / 2, high]
    return {
        "tickvals": [math.log10(value) if is_log else value for value in shown],
        "ticktext": [brief(value) for value in shown],
    }


MAP = SweepKind(
    name="map",
    title="Map of two parameters",
    reading=(
        "The best value seen in every cell, whatever the other parameters were. Empty cells were not tried, "
        "crosses failed, small rings were pruned. A large ring marks the best of all: near the rim of the map, the "
        "ranges should be wider."
    ),
    draw=draw,
)
