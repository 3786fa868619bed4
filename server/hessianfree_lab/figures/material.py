"""What figures are drawn from, and what a figure says of itself."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hessianfree_lab.figures.marks import Mark
from hessianfree_lab.records import CGTrace, Landscape, Spectrum
from hessianfree_lab.records.series import Series

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One run's columns and marks, the name its legend entry gets; attempt and controls at the time of reading."""

    run: str
    name: str
    attempt: int
    series: Series
    marks: tuple[Mark, ...] = ()
    controls_version: int = 0

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
class Material:
    """Everything a figure may draw. `metric` is read by the figure of any metric alone."""

    curves: tuple[Curve, ...] = ()
    metric: str = "loss"
    landscape: Landscape | None = None
    trace: CGTrace | None = None
    spectrum: Spectrum | None = None

    @property
    def x_name(self) -> str:
        """What x is: the same for all curves."""
        return self.curves[0].series.x_name if self.curves else "step"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A figure: `metrics` are what it draws; without the first it has nothing to show.

    `source` names what it needs: the series alone, the run's landscape too, or the inner solve or the spectrum of one
    step instead.
    """

    name: str
    title: str
    reading: str
    draw: "Callable[[Material], go.Figure]"
    metrics: tuple[str, ...] = ()
    source: Literal["series", "landscape", "trace", "spectrum"] = "series"
    asked_by: str | None = None  # the name in a job's `record` without which it has nothing to show
    either_scale: bool = True  # whether a logarithmic y axis makes as much sense as a linear one
