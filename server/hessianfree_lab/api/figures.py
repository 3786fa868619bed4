"""Figures as Plotly JSON: what the dashboard draws, and what a notebook may fetch."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic_core import to_json

from hessianfree_lab.api.comparing import Together, together
from hessianfree_lab.api.dependencies import StoreDep
from hessianfree_lab.api.heavy_reads import HEAVY
from hessianfree_lab.api.materials import Request, material_of
from hessianfree_lab.api.windows import MAX_RUNS, window_of
from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.figures import as_json, figure_kind
from hessianfree_lab.records.answers import Figure
from hessianfree_lab.records.scalars import LARGEST_STEP

router = APIRouter(tags=["figures"], dependencies=[HEAVY])

Step = Annotated[
    int | None,
    Query(
        ge=1, le=LARGEST_STEP, description="Of which step the inner solve or the spectrum is; none: the last."
    ),
]
Bound = Annotated[
    str | None, Query(max_length=40, description="Shows x from here, or up to here, in the units of `x`.")
]


def run_ids(runs: Annotated[str, Query(description="Ids of runs, separated by commas.")]) -> tuple[str, ...]:
    """The ids, each once; raises InvalidRequest for none and for too many."""
    ids = tuple(run_id for run_id in dict.fromkeys(runs.split(",")) if run_id)
    if not 1 <= len(ids) <= MAX_RUNS:
        raise InvalidRequest([Fault("runs", f"runs names {len(ids)} runs; 1 to {MAX_RUNS} are allowed.")])
    return ids


def _request(
    ids: Annotated[tuple[str, ...], Depends(run_ids)],
    shown_together: Annotated[Together, Depends(together)],
    x: Annotated[
        str,
        Query(
            max_length=200,
            description="`step`, `seconds`, `wall_time`, `elapsed` or a metric that counts; of `scatter` any value.",
        ),
    ] = "step",
    metric: Annotated[
        str,
        Query(description="What the figure `metric` draws; of `scatter`: a value of runs.", max_length=200),
    ] = "loss",
    target: Annotated[
        float | None,
        Query(allow_inf_nan=False, description="Of `performance-profile`; none: one for each problem."),
    ] = None,
    step: Step = None,
    start: Bound = None,
    stop: Bound = None,
    points: Annotated[
        int | None,
        Query(ge=2, le=20_000, description="Of each run and metric; none: as many as can be told apart."),
    ] = None,
) -> Request:
    window = window_of(x=x, start=start, stop=stop, points=points, runs=len(ids))
    return Request(runs=ids, window=window, metric=metric, step=step, together=shown_together, target=target)


@router.get("/figures/{name}", response_model=Figure)
def figure(name: str, store: StoreDep, request: Annotated[Request, Depends(_request)]) -> Response:
    """`{data, layout}` for Plotly. Long series are sampled; the traces' `meta` says how to grow them."""
    kind = figure_kind(name)
    drawn = kind.draw(material_of(store, kind, request))
    body = to_json(as_json(drawn), inf_nan_mode="null")  # a number that is none would be no JSON
    # Asked again it may have grown.
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})
