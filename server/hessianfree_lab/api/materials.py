"""What a figure is drawn from: what a request asks for, and the reading of it from the store."""

import math
from dataclasses import dataclass, field

from hessianfree_lab.api.appearances import Appearance, appearances
from hessianfree_lab.api.comparing import Together, compared
from hessianfree_lab.api.races import race_of
from hessianfree_lab.api.run_values import dots_of
from hessianfree_lab.figures import Curve, Kind, Material
from hessianfree_lab.figures.marks import marks_of
from hessianfree_lab.records import Spectrum
from hessianfree_lab.records.scalars import LARGEST_STEP
from hessianfree_lab.records.series import Recording, Series, Window
from hessianfree_lab.store.interface import Store


@dataclass(frozen=True, kw_only=True)
class Request:
    """Which runs, which part of them, and what of them; `step` None: the latest."""

    runs: tuple[str, ...]
    window: Window
    metric: str
    step: int | None
    together: Together = field(default_factory=Together)
    target: float | None = None


def material_of(store: Store, kind: Kind, request: Request) -> Material:
    """Everything that a figure of this kind draws."""
    first = request.runs[0]
    if kind.source in ("trace", "slice"):
        # Not every step has what is asked for: the latest up to it has.
        sliced = kind.source == "slice"
        return Material(trace=store.solves.latest(first, up_to=request.step, sliced=sliced))
    if kind.source == "traces":
        return _solves(store, first, request.window)
    if kind.source == "spectrum":
        return Material(spectrum=_spectrum(store, first, request.step))
    if kind.source == "runs":
        dots = dots_of(store, request.runs, request.window.x, request.metric, group=request.together.group)
        return Material(dots=dots, x_key=request.window.x, metric=request.metric)
    if kind.source == "race":
        race = race_of(
            store,
            request.runs,
            metric=request.metric,
            target=request.target,
            cost=request.window.x,
            group=request.together.group or "optimizer",
        )
        return Material(race=race, x_key=request.window.x, metric=request.metric)
    names = kind.metrics or (request.metric,)
    if kind.family:
        names += tuple(name for name in store.columns(first) if name.startswith(kind.family))
    recordings = store.recordings(request.runs, names, request.window)
    runs = [recording.run for recording in recordings]
    curves = tuple(map(_curve, recordings, appearances(runs)))
    if not kind.metrics:
        curves, comparison = compared(store, request.together, runs, curves, request.metric, request.window)
        return Material(curves=curves, metric=request.metric, comparison=comparison)
    landscape = store.landscape(first) if kind.source == "landscape" else None
    return Material(curves=curves, metric=request.metric, landscape=landscape)


def _curve(recording: Recording, shown: Appearance) -> Curve:
    run = recording.run
    return Curve(
        run=run.id,
        name=shown.name,
        attempt=run.attempt,
        series=recording.series,
        marks=marks_of(recording.attempts, recording.controls),
        controls_version=run.controls_version,
        colour=shown.colour,
    )


def _solves(store: Store, run_id: str, window: Window) -> Material:
    """A sample of the run's inner solves; all of them within a window along the steps that is narrow enough."""
    run = store.get_run(run_id)
    bounds = (window.start, window.stop) if window.x == "step" else (None, None)
    start, stop = (
        None if bound is None else math.floor(max(0, min(bound, LARGEST_STEP))) for bound in bounds
    )
    nothing = Series(x_name=window.x, x=[], steps=[])
    curve = Curve(run=run.id, name=run.name, attempt=run.attempt, series=nothing, colour=run.colour)
    return Material(curves=(curve,), solves=store.solves.sample(run_id, start=start, stop=stop))


def _spectrum(store: Store, run_id: str, step: int | None) -> Spectrum | None:
    """The spectrum of `step`, or the latest one before it, since not every step has one; None: the latest of all."""
    steps = [known for known in store.spectrum_steps(run_id) if step is None or known <= step]
    return store.spectrum(run_id, steps[-1]) if steps else None
