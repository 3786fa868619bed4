"""What a sweep has found, as values and as one file that opens without a server."""

from collections.abc import Iterator

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from hessianfree_lab.api.dependencies import StoreDep
from hessianfree_lab.api.heavy_reads import HEAVY
from hessianfree_lab.api.report_files import DESCRIBED, Plot, file_of, plot_of
from hessianfree_lab.api.wire_json import WireResponse, WireRoute
from hessianfree_lab.figures import as_json
from hessianfree_lab.figures.sweeps import SWEEP_FIGURES, Study
from hessianfree_lab.figures.sweeps.material import label_of, short
from hessianfree_lab.figures.sweeps.param_map import MAP
from hessianfree_lab.figures.sweeps.param_slice import SLICE
from hessianfree_lab.records.sweep_reports import SweepReport
from hessianfree_lab.store.interface import Store
from hessianfree_lab.sweeps.report import of_parameter, report_of, study_of

router = APIRouter(prefix="/sweeps", tags=["sweeps", "reports"], route_class=WireRoute, dependencies=[HEAVY])


@router.get("/{sweep_id}/report", response_model=SweepReport)
def sweep_report(sweep_id: str, store: StoreDep) -> WireResponse:
    """The best trials, and how much each parameter matters: what the file has, without figures."""
    return WireResponse(_read(sweep_id, store)[0])


@router.get("/{sweep_id}/report.html", response_class=HTMLResponse, responses=DESCRIBED)
def sweep_report_file(sweep_id: str, store: StoreDep) -> Response:
    """A sweep as one file: what it has found, with its figures. It opens without a server and asks no network."""
    report, study = _read(sweep_id, store)
    return file_of(
        f"report-sweep-{sweep_id}",
        "report-sweep.html",
        title=report.sweep.name,
        report=report,
        value_title=study.value_title,
        label_of=label_of,
        short=short,
        plots=[*_plots(study, [param.name for param in report.params])],
    )


def _read(sweep_id: str, store: Store) -> tuple[SweepReport, Study]:
    sweep = store.sweeps.get(sweep_id)
    study = study_of(sweep, store.sweeps.trials(sweep_id))
    return report_of(sweep, study), study


def _plots(study: Study, names: list[str]) -> Iterator[Plot]:
    """The figures of its page; the map is of the two parameters that matter most."""
    for kind in SWEEP_FIGURES.values():
        if kind is SLICE:
            drawn = [(f"{kind.title}: {name}", of_parameter(study, name)) for name in names]
        elif kind is MAP and len(names) > 1:
            drawn = [(kind.title, Study(spec=study.spec, trials=study.trials, x=names[0], y=names[1]))]
        else:
            drawn = [] if kind is MAP else [(kind.title, study)]
        for title, of_these in drawn:
            figure = as_json(kind.draw(of_these))
            figure["layout"]["meta"].pop("table", None)  # every trial, in every figure: the server has them
            if (plot := plot_of(figure, title=title, reading=kind.reading)) is not None:
                yield plot
