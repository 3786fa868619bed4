"""Figures as Plotly JSON: what the dashboard draws, and what a notebook may fetch."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Response

from hessianfree_lab.api.dependencies import StoreDep
from hessianfree_lab.errors import Fault, InvalidRequest, RecordNotFound
from hessianfree_lab.figures import Curve, Kind, Material, as_json, figure_kind
from hessianfree_lab.figures.marks import marks_of
from hessianfree_lab.records import CGTrace, Spectrum
from hessianfree_lab.records.answers import Figure
from hessianfree_lab.records.scalars import LARGEST_STEP
from hessianfree_lab.store.interface import Store

router = APIRouter(tags=["figures"])

MAX_POINTS = 2000  # a trace; more cannot be told apart on a screen
MAX_RUNS = 16  # in one figure: eight colours in two dashes
LOOK_BACK = 100  # steps; the latest inner solve is sought no further back


@router.get("/figures/{name}", response_model=Figure)
def figure(
    name: str,
    store: StoreDep,
    runs: Annotated[str, Query(description="Ids of runs, separated by commas.")],
    x: Annotated[str, Query(description="`step`, `seconds`, `wall_time` or a metric that counts.")] = "step",
    metric: Annotated[str, Query(description="What the figure `metric` draws.", max_length=100)] = "loss",
    step: Annotated[
        int | None,
        Query(
            ge=1,
            le=LARGEST_STEP,
            description="Of which step the inner solve or the spectrum is; none: the last.",
        ),
    ] = None,
) -> Response:
    """`{data, layout}` for Plotly. Traces are sampled to about 2,000 points; their `meta` says how to grow them."""
    kind = figure_kind(name)
    ids = [run_id for run_id in dict.fromkeys(runs.split(",")) if run_id]
    if not 1 <= len(ids) <= MAX_RUNS:
        raise InvalidRequest([Fault("runs", f"runs names {len(ids)} runs; 1 to {MAX_RUNS} are allowed.")])
    drawn = kind.draw(_material(store, kind, ids, x=x, metric=metric, step=step))
    # Figures carry no NaN: allow_nan=False would rather fail here than in a browser.
    body = json.dumps(as_json(drawn), allow_nan=False, separators=(",", ":"))
    return Response(body, media_type="application/json")


def _material(store: Store, kind: Kind, ids: list[str], *, x: str, metric: str, step: int | None) -> Material:
    if kind.source == "trace":
        return Material(trace=_trace(store, ids[0], step))
    if kind.source == "spectrum":
        return Material(spectrum=_spectrum(store, ids[0], step))
    names = kind.metrics or (metric,)
    curves = _told_apart(_curve(store, run_id, names, x) for run_id in ids)
    landscape = store.landscape(ids[0]) if kind.source == "landscape" else None
    return Material(curves=curves, metric=metric, landscape=landscape)


def _curve(store: Store, run_id: str, names: tuple[str, ...], x: str) -> Curve:
    # The run first: if an attempt begins between the two readings, the page sees a newer attempt and asks again.
    run = store.get_run(run_id)
    # Points are shared out between columns: what was never measured shall have none of them.
    measured = store.columns(run_id)
    wanted = [name for name in names if name in measured] or [names[0]]
    series = store.series(run_id, wanted, x=x, max_points=MAX_POINTS)
    marks = marks_of(store.attempts(run_id), store.controls(run_id))
    return Curve(
        run=run_id,
        name=run.name,
        attempt=run.attempt,
        series=series,
        marks=marks,
        controls_version=run.controls_version,
    )


def _told_apart(curves: Iterable[Curve]) -> tuple[Curve, ...]:
    """The curves; runs of one name get the end of their id behind it, which is where ids differ most."""
    found = tuple(curves)
    times = Counter(curve.name for curve in found)
    return tuple(
        replace(curve, name=f"{curve.name} ({curve.run[-4:]})") if times[curve.name] > 1 else curve
        for curve in found
    )


def _trace(store: Store, run_id: str, step: int | None) -> CGTrace | None:
    """The inner solve of `step`, or the latest one; None where there is none to find."""
    last = store.get_run(run_id).progress.step
    for candidate in [step] if step else range(last, max(0, last - LOOK_BACK), -1):
        try:
            return store.trace(run_id, candidate)
        except RecordNotFound:
            continue
    return None


def _spectrum(store: Store, run_id: str, step: int | None) -> Spectrum | None:
    """The spectrum of `step`, or the latest one before it, since not every step has one; None: the latest of all."""
    steps = [known for known in store.spectrum_steps(run_id) if step is None or known <= step]
    return store.spectrum(run_id, steps[-1]) if steps else None
