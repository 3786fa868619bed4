"""What figures are drawn from, and what a figure says of itself."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from hessianfree_lab.figures.comparing.comparison import Comparison
from hessianfree_lab.figures.comparing.profiles import Profile
from hessianfree_lab.figures.comparing.smoothing import Smoothed
from hessianfree_lab.figures.marks import Mark
from hessianfree_lab.records import CGTrace, Landscape, Spectrum
from hessianfree_lab.records.series import Series
from hessianfree_lab.records.solves import SolveSample

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One run's columns and marks, the name its legend entry gets; attempt and controls at the time of reading.

    `colour` is the number of the run's colour and dash (palette.py), in this figure as in every other. `smoothed`:
    averages of the metric that is compared, by row of `series`; None: it is shown as it is.
    """

    run: str
    name: str
    attempt: int
    series: Series
    marks: tuple[Mark, ...] = ()
    controls_version: int = 0
    colour: int = 0
    smoothed: Smoothed | None = None

    def measured(self, metric: str) -> bool:
        """Whether any row has a value of `metric`."""
        return any(value is not None for value in self.series.values.get(metric, ()))

    def seen(self, metrics: Iterable[str]) -> Iterator[str]:
        """Which of `metrics` were measured; of texts and flags, which values: "loss", "cg_stop=Divergence".

        A page that gets a row with anything else fetches the figure anew: a curve has begun that has no trace.
        """
        for metric in metrics:
            for value in set(self.series.values.get(metric, ())) - {None}:
                if isinstance(value, bool):
                    yield f"{metric}={str(value).lower()}"
                else:
                    yield f"{metric}={value}" if isinstance(value, str) else metric


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A run in a figure of two values; None: it has no such value."""

    run: str
    name: str
    colour: int
    x: float | None
    y: float | None
    group: str | None = None


@dataclass(frozen=True, kw_only=True)
class Race:
    """Solvers' profiles, each with its colour, and in a sentence what they were measured on."""

    profiles: tuple[Profile, ...] = ()
    colours: tuple[int, ...] = ()
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Material:
    """Everything a figure may draw. `metric` is read by the figures of any metric alone.

    `comparison`: how the curves are to be taken together; None: each for itself. `x_key`: what the x of `dots` and the
    cost of `race` are.
    """

    curves: tuple[Curve, ...] = ()
    metric: str = "loss"
    landscape: Landscape | None = None
    solves: SolveSample = field(default_factory=SolveSample)
    trace: CGTrace | None = None
    spectrum: Spectrum | None = None
    comparison: Comparison | None = None
    dots: tuple[Dot, ...] = ()
    race: Race | None = None
    x_key: str = "seconds"

    @property
    def x_name(self) -> str:
        """What x is: the same for all curves."""
        return self.curves[0].series.x_name if self.curves else "step"


Section = Literal["progress", "trust", "solve", "step", "spectrum", "cost", "layers", "compare"]
"""What a figure tells of: how far the run is; how far the model can be trusted; the inner solves over the steps; one
step from within; the curvature's spectrum; time, work and memory; the parameters by layer; several runs together."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A figure: `metrics` are what it draws; without the first it has nothing to show.

    `section` is where a page shows it. `source` names what it needs: the series alone, the run's landscape too, the
    inner solves of many steps, or of one step the inner solve, the inner solve with the loss along the step, or the
    spectrum instead; or, of several runs, one value each, or what it took them to reach a target.
    """

    name: str
    title: str
    section: Section
    reading: str
    draw: "Callable[[Material], go.Figure]"
    metrics: tuple[str, ...] = ()
    family: str | None = None  # how the names of further metrics begin that it draws: "parameter_norm."
    source: Literal["series", "landscape", "traces", "trace", "slice", "spectrum", "runs", "race"] = "series"
    asked_by: str | None = None  # the name in a job's `record` without which it has nothing to show
    either_scale: bool = True  # whether a logarithmic y axis makes as much sense as a linear one
