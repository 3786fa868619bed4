"""A run's series, thinned for plots on request."""

from typing import Annotated

from fastapi import APIRouter, Query

from hessianfree_lab.api.dependencies import StoreDep
from hessianfree_lab.api.heavy_reads import HEAVY
from hessianfree_lab.api.wire_json import WireResponse
from hessianfree_lab.records.answers import Metrics

router = APIRouter(prefix="/runs/{run_id}", tags=["metrics"], dependencies=[HEAVY])

Step = Annotated[int | None, Query(ge=0, le=2**53)]


@router.get("/metrics", response_model=Metrics)
def metrics(
    run_id: str,
    store: StoreDep,
    names: Annotated[str, Query(description="Comma separated; none: every numeric metric.")] = "",
    x: Annotated[
        str, Query(description="`step`, `seconds`, `wall_time`, `elapsed` or a metric that counts.")
    ] = "step",
    start: Step = None,
    stop: Step = None,
    max_points: Annotated[int | None, Query(ge=2, le=1_000_000)] = None,
) -> WireResponse:
    """`{x: {name, values}, series: {name: [...]}, total, sampled}` of the steps from `start` to `stop`, both included.

    Sampling keeps each metric's minima and maxima, the first row, the last, and every row that is not finite.
    """
    wanted = [name for name in names.split(",") if name]
    series = store.series(run_id, wanted, x=x, start=start, stop=stop, max_points=max_points)
    return WireResponse(
        {
            "x": {"name": series.x_name, "values": series.x},
            "series": series.values,
            "total": series.total,
            "sampled": series.sampled,
        }
    )
