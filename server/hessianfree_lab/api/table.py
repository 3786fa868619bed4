"""The table of runs: its pages, groups, small curves, and what is done to many runs at once."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from hessianfree_lab.api.dependencies import RequesterDep, StoreDep
from hessianfree_lab.api.heavy_reads import HEAVY
from hessianfree_lab.api.selection import ARCHIVED, SelectionDep, named, states
from hessianfree_lab.api.wire_json import WireResponse, WireRoute
from hessianfree_lab.errors import Fault, InvalidRequest, RunNotFound
from hessianfree_lab.records import RunPage
from hessianfree_lab.records.series import Series
from hessianfree_lab.records.table import (
    MOST_ACTED_ON,
    ActionOutcome,
    ActionRequest,
    RunFields,
    RunGroups,
    Sparkline,
    Sparklines,
)
from hessianfree_lab.store.interface import MAX_PAGE, RunQuery, RunSelection, Store

router = APIRouter(prefix="/runs", tags=["runs"], route_class=WireRoute)

MOST_CURVES = 100
MOST_MEANS = 20
POINTS = 60


@router.get("", response_model=RunPage)
def list_runs(
    store: StoreDep,
    selection: SelectionDep,
    sort: Annotated[str, Query(max_length=200)] = "-created_at",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: str | None = None,
) -> WireResponse:
    """One page, and how many runs pass in all."""
    return WireResponse(store.list_runs(RunQuery(**asdict(selection), sort=sort, limit=limit, cursor=cursor)))


@router.get("/fields", response_model=RunFields, dependencies=[HEAVY])
def fields(store: StoreDep) -> WireResponse:
    """The names that filters, orders and columns know; metrics and settings as the youngest runs have them."""
    return WireResponse(store.table.fields())


@router.get("/groups", response_model=RunGroups, dependencies=[HEAVY])
def groups(
    store: StoreDep,
    selection: SelectionDep,
    by: Annotated[str, Query(max_length=200, description="Any name of a filter.")],
    metrics: Annotated[str, Query(description="Names of numbers, comma separated.")] = "",
    sort: Annotated[str, Query(max_length=200)] = "key",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> WireResponse:
    """The runs by what they share, with mean, deviation, minimum and maximum of numbers over each group."""
    names = [name for name in dict.fromkeys(metrics.split(",")) if name]
    if len(names) > MOST_MEANS:
        message = f"metrics names {len(names)} numbers; at most {MOST_MEANS} are allowed."
        raise InvalidRequest([Fault("metrics", message)])
    return WireResponse(store.table.groups(selection, by, metrics=names, sort=sort, limit=limit))


@router.get("/sparklines", response_model=Sparklines, dependencies=[HEAVY])
def sparklines(
    store: StoreDep,
    runs: Annotated[str, Query(description="Ids, comma separated.")],
    metric: Annotated[str, Query(max_length=100)] = "loss",
) -> WireResponse:
    """A metric of each run in some sixty points; runs that are gone are left out."""
    found = store.answers(
        named(runs, most=MOST_CURVES), ("sparkline", metric), partial(_thinned, store, metric=metric)
    )
    items = [
        _curve(run_id, series.steps, series.values[metric]) for run_id, series in found.items() if series
    ]
    return WireResponse(Sparklines(metric=metric, items=items))


@router.post("/actions", response_model=ActionOutcome)
def act(request: ActionRequest, store: StoreDep, requester: RequesterDep) -> WireResponse:
    """Do one thing to many runs. `refused` says which could not, and why; the others are done."""
    wanted = request.runs if request.runs is not None else _passing(store, request)
    refused = store.table.act(wanted, request.action, tags=request.tags, requested_by=requester)
    done = len(dict.fromkeys(wanted)) - len(refused)
    return WireResponse(ActionOutcome(done=done, refused=refused))


def _passing(store: Store, request: ActionRequest) -> list[str]:
    selection = RunSelection(
        state=states(request.state or ""),
        problem=request.problem,
        optimizer=request.optimizer,
        tag=request.tag,
        q=request.q,
        filter=request.filter or "",
        archived=ARCHIVED[request.archived or "false"],
    )
    found = store.table.ids(selection, MOST_ACTED_ON + 1)
    if len(found) > MOST_ACTED_ON:
        message = f"More than {MOST_ACTED_ON} runs pass the filter; at most so many are changed at once."
        raise InvalidRequest([Fault("filter", message)])
    if request.expected is not None and len(found) != request.expected:
        message = (
            f"{len(found)} runs pass the filter now, not {request.expected}: nothing was done. Look again."
        )
        raise InvalidRequest([Fault("expected", message)])
    return found


def _thinned(store: Store, run_id: str, *, metric: str) -> Series | None:
    """None: the run is gone."""
    try:
        return store.series(run_id, [metric], max_points=POINTS)
    except RunNotFound:
        return None


def _curve(run_id: str, steps: list[int], values: Sequence[float | bool | str | None]) -> Sparkline:
    """What is no number is not measured: a flag or a text has no curve."""
    numbers = [
        value if isinstance(value, int | float) and not isinstance(value, bool) else None for value in values
    ]
    return Sparkline(run=run_id, steps=steps, values=numbers)
