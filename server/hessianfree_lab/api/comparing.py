"""How several runs are to be shown together: what a request asks for, and what that is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from fastapi import Query

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.figures import Curve
from hessianfree_lab.figures.comparing.comparison import Comparison
from hessianfree_lab.figures.comparing.groups import group_by
from hessianfree_lab.figures.comparing.lines import Line, line_of
from hessianfree_lab.figures.comparing.smoothing import smooth
from hessianfree_lab.records import Run
from hessianfree_lab.records.series import Window
from hessianfree_lab.store.interface import Store

MOST_SMOOTH = 0.999
BAND_POINTS = 1000
"""Of each group: three traces are drawn of it."""
LINE_POINTS = 4 * BAND_POINTS
"""Of each run of a group, of which no more is held: bands lie between them, on a grid that is coarser."""


@dataclass(frozen=True, kw_only=True)
class Together:
    """What is asked of runs that are shown together; by default each is shown for itself."""

    smooth: float = 0.0
    group: str = ""
    middle: Literal["mean", "median"] = "mean"
    band: Literal["quantiles", "range"] = "quantiles"
    baseline: str = ""
    relation: Literal["difference", "ratio"] = "difference"


def together(
    smooth: Annotated[
        float,
        Query(
            ge=0,
            le=MOST_SMOOTH,
            description="How much an average keeps of the one before it; 0: no smoothing.",
        ),
    ] = 0.0,
    group: Annotated[
        str,
        Query(
            max_length=200,
            description="`problem`, `optimizer`, `tag`, `state`, `seed`, `sweep`, `name`, or a setting's dotted path.",
        ),
    ] = "",
    middle: Annotated[Literal["mean", "median"], Query(description="Of the runs of a group.")] = "mean",
    band: Annotated[
        Literal["quantiles", "range"], Query(description="From 10 to 90 %, or from lowest to highest.")
    ] = "quantiles",
    baseline: Annotated[
        str, Query(max_length=100, description="The run that the others are seen from.")
    ] = "",
    relation: Annotated[
        Literal["difference", "ratio"], Query(description="To the baseline at the same x.")
    ] = "difference",
) -> Together:
    return Together(
        smooth=smooth, group=group, middle=middle, band=band, baseline=baseline, relation=relation
    )


def compared(
    store: Store, asked: Together, runs: Sequence[Run], curves: tuple[Curve, ...], metric: str, window: Window
) -> tuple[tuple[Curve, ...], Comparison | None]:
    """The curves, smoothed where that is asked for, and how they are to be taken together; None: each for itself."""
    if asked.baseline and asked.baseline not in {run.id for run in runs}:
        raise InvalidRequest(
            [
                Fault(
                    "baseline",
                    f"baseline is {asked.baseline!r}; it must be one of the runs that are compared.",
                )
            ]
        )
    if asked.group:
        return curves, _by_group(store, asked, runs, metric, window)
    if asked.smooth:
        curves = tuple(_smoothed(store, curve, metric, asked.smooth) for curve in curves)
    if not asked.baseline:
        return curves, None
    line = _line(store, asked.baseline, metric, window, asked.smooth)
    return curves, Comparison(lines={asked.baseline: line}, baseline=asked.baseline, relation=asked.relation)


def _by_group(store: Store, asked: Together, runs: Sequence[Run], metric: str, window: Window) -> Comparison:
    def line_of_run(run_id: str) -> Line:
        return _line(store, run_id, metric, window, asked.smooth).thinned(LINE_POINTS)

    question = ("line", metric, window, asked.smooth)
    return Comparison(
        lines=store.answers([run.id for run in runs], question, line_of_run),
        groups=group_by(runs, asked.group),
        middle=asked.middle,
        spread=asked.band,
        baseline=asked.baseline or None,
        relation=asked.relation,
        points=min(BAND_POINTS, window.points or BAND_POINTS),
    )


def _line(store: Store, run_id: str, metric: str, window: Window, weight: float) -> Line:
    """Every row within the window, smoothed where that is asked for: from the run's first row on."""
    rows = store.measurements(run_id, [metric], along=[window.x])
    values, measured = rows.columns[metric]
    if weight:
        values = smooth(np.where(measured, values, np.nan), weight).values
    return line_of(rows.x[window.x], values, measured).between(window.start, window.stop)


def _smoothed(store: Store, curve: Curve, metric: str, weight: float) -> Curve:
    """The curve with averages of every row up to its last: it may be a sample, and its run goes on meanwhile."""
    drawn = curve.series.steps
    rows = store.measurements(curve.run, [metric])
    end = int(np.searchsorted(rows.steps, drawn[-1], side="right")) if drawn else 0
    values, measured = rows.columns[metric]
    averages = smooth(np.where(measured[:end], values[:end], np.nan), weight)
    return replace(curve, smoothed=averages.rows(np.searchsorted(rows.steps[:end], drawn).tolist()))
