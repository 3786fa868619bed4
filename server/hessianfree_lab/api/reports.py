"""Reports: one file with everything about a run, or a comparison, that opens from a disk without server or network."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import HTMLResponse

from hessianfree_lab.api.dependencies import StoreDep
from hessianfree_lab.api.figures import run_ids
from hessianfree_lab.api.findings import look_at
from hessianfree_lab.api.heavy_reads import HEAVY
from hessianfree_lab.api.materials import Request, material_of
from hessianfree_lab.api.report_files import DESCRIBED, Plot, file_of, plot_of
from hessianfree_lab.api.windows import window_of
from hessianfree_lab.errors import RecordNotFound
from hessianfree_lab.figures import FIGURES, Kind, as_json
from hessianfree_lab.figures.axes import METRIC_TITLES, metric_title, x_title
from hessianfree_lab.records import Run
from hessianfree_lab.store.interface import Store

router = APIRouter(tags=["reports"], dependencies=[HEAVY])

_COMPARED = (("loss", "step"), ("loss", "seconds"), ("loss", "gradient_equivalents"), ("eval_loss", "step"))
_SUMMARIZED = 40  # metrics; a script may have recorded thousands


@router.get("/runs/{run_id}/report.html", response_class=HTMLResponse, responses=DESCRIBED)
def run_report(run_id: str, store: StoreDep) -> Response:
    """A run as one file: its settings, summary and figures. It opens without a server and asks no network."""
    run = store.get_run(run_id)
    return file_of(
        f"report-{run.id}",
        "report-run.html",
        title=run.name,
        run=run,
        findings=look_at(store, run_id).findings,
        summary=_summary(run),
        plots=[*_plots_of_run(store, run)],
    )


@router.get("/report.html", response_class=HTMLResponse, responses=DESCRIBED)
def comparison_report(store: StoreDep, ids: Annotated[tuple[str, ...], Depends(run_ids)]) -> Response:
    """Several runs as one file: what they are, how they ended, their losses over each other."""
    compared = store.get_runs(ids)
    metrics = [
        name for name in ("loss", "eval_loss", "eval_error") if any(name in run.summary for run in compared)
    ]
    return file_of(
        "report-comparison",
        "report-comparison.html",
        title=f"{len(compared)} runs",
        runs=compared,
        metrics=[(name, metric_title(name)) for name in metrics],
        differences=_differences(compared),
        plots=[*_plots_of_comparison(store, ids)],
    )


def _plots_of_run(store: Store, run: Run) -> Iterator[Plot]:
    """Every figure that has something to show; of one step the last, and the best where its inner solve was kept."""
    measured = store.columns(run.id).keys()
    last, best = _steps_shown(store, run)
    for kind in FIGURES.values():
        if kind.section == "compare" or not (kind.metrics and kind.metrics[0] in measured):
            continue
        is_of_a_step = kind.source in ("trace", "slice")
        steps = [(last, "last step"), (best, "best step")] if is_of_a_step and last else [(None, "")]
        for step, which in steps:
            if which and step is None:
                continue
            title = f"{kind.title}, {which} ({step})" if which else kind.title
            yield from _plot(store, kind, (run.id,), title=title, step=step)


def _steps_shown(store: Store, run: Run) -> tuple[int | None, int | None]:
    """The last step, and the best where it is another one and its inner solve was kept; None where there is none."""
    last = run.progress.step or None
    best = run.summary["loss"].best_step if "loss" in run.summary else None
    if best is None or best == last:
        return last, None
    try:
        store.trace(run.id, best)
    except RecordNotFound:
        return last, None
    return last, best


def _plots_of_comparison(store: Store, ids: tuple[str, ...]) -> Iterator[Plot]:
    for metric, x in _COMPARED:
        title = f"{metric_title(metric)} over {x_title(x).lower()}"
        yield from _plot(store, FIGURES["metric"], ids, title=title, x=x, metric=metric)


def _plot(
    store: Store,
    kind: Kind,
    ids: tuple[str, ...],
    *,
    title: str,
    x: str = "step",
    metric: str = "loss",
    step: int | None = None,
) -> Iterator[Plot]:
    """The figure, unless it is empty."""
    window = window_of(x=x, start=None, stop=None, points=None, runs=len(ids))
    request = Request(runs=ids, window=window, metric=metric, step=step)
    figure = as_json(kind.draw(material_of(store, kind, request)))
    if (plot := plot_of(figure, title=title, reading=kind.reading)) is not None:
        yield plot


def _summary(run: Run) -> list[tuple[str, Any]]:
    """Title and extremes of the run's metrics, canonical ones first."""
    known = [name for name in METRIC_TITLES if name in run.summary]
    names = known + sorted(run.summary.keys() - METRIC_TITLES.keys())
    return [(metric_title(name), run.summary[name]) for name in names[:_SUMMARIZED]]


def _differences(runs: list[Run]) -> list[tuple[str, list[Any]]]:
    """Settings in which the runs differ, by dotted path, with each run's value."""
    flat = [dict(_flat(run.spec)) for run in runs]
    keys = dict.fromkeys(key for settings in flat for key in settings if key not in ("name", "tags", "notes"))
    rows = [(key, [settings.get(key) for settings in flat]) for key in keys]
    return [(key, values) for key, values in rows if any(value != values[0] for value in values)]


def _flat(settings: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value
