"""Figures of a sweep as Plotly JSON."""

import json
from typing import Annotated

from fastapi import APIRouter, Query, Response

from hessianfree_lab.api.dependencies import StoreDep
from hessianfree_lab.api.heavy_reads import HEAVY
from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.figures import as_json
from hessianfree_lab.figures.sweeps import Study, sweep_figure
from hessianfree_lab.figures.sweeps.importance import IMPORTANCE
from hessianfree_lab.records.answers import Figure
from hessianfree_lab.records.sweeps import SweepSpec
from hessianfree_lab.sweeps.study import importances

router = APIRouter(prefix="/sweeps", tags=["sweeps"], dependencies=[HEAVY])

Path = Annotated[
    str | None, Query(max_length=200, description="A path of the space; none: the first that there is.")
]


@router.get("/{sweep_id}/figures/{name}", response_model=Figure)
def figure_of_sweep(
    sweep_id: str, name: str, store: StoreDep, param: Path = None, x: Path = None, y: Path = None
) -> Response:
    """`{data, layout}` for Plotly: `history`, `importance`, `parallel`, `slice` of `param`, `map` of `x` and `y`."""
    kind = sweep_figure(name)
    spec, trials = store.sweeps.study(sweep_id)
    for asked, path in (("param", param), ("x", x), ("y", y)):
        _check_path(asked, path, spec)
    study = Study(
        spec=spec,
        trials=trials,
        importances=importances(spec, trials) if kind is IMPORTANCE else {},
        param=param,
        x=x,
        y=y,
    )
    # Figures carry no NaN: allow_nan=False would rather fail here than in a browser.
    body = json.dumps(as_json(kind.draw(study)), allow_nan=False, separators=(",", ":"))
    return Response(body, media_type="application/json")


def _check_path(asked: str, path: str | None, spec: SweepSpec) -> None:
    if path is not None and path not in spec.search.space:
        known = ", ".join(spec.search.space)
        raise InvalidRequest([Fault(asked, f"{asked} is {path!r}; it must be one of {known}.")])
