"""Tables of a comparison: what runs have in common, what they cost in all, what it took them to reach a target."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from hessianfree_lab.api.dependencies import StoreDep
from hessianfree_lab.api.figures import run_ids
from hessianfree_lab.api.heavy_reads import HEAVY
from hessianfree_lab.api.races import arrivals
from hessianfree_lab.api.run_values import totals_of
from hessianfree_lab.figures.comparing.groups import group_by, keys_of
from hessianfree_lab.records.comparisons import Groups, RunGroup, RunTotals, Target, Targets, Totals

router = APIRouter(prefix="/comparisons", tags=["comparisons"], dependencies=[HEAVY])

RunIds = Annotated[tuple[str, ...], Depends(run_ids)]


@router.get("/groups")
def groups(
    store: StoreDep,
    runs: RunIds,
    group: Annotated[
        str, Query(max_length=200, description="As of a figure; none: what there is to group by.")
    ] = "",
) -> Groups:
    """What the runs can be grouped by, and the groups: each in the colour that figures draw it in."""
    found = store.get_runs(runs)
    return Groups(
        keys=keys_of(found),
        items=[
            RunGroup(name=one.name, colour=one.colour, runs=list(one.runs))
            for one in (group_by(found, group) if group else ())
        ],
    )


@router.get("/totals")
def totals(store: StoreDep, runs: RunIds) -> Totals:
    """What each run has cost so far."""
    found = totals_of(store, runs)
    return Totals(items=[RunTotals(run=run_id, **found[run_id]) for run_id in runs])


@router.get("/targets")
def targets(
    store: StoreDep,
    runs: RunIds,
    metric: Annotated[str, Query(max_length=100)] = "loss",
    target: Annotated[
        float | None,
        Query(
            allow_inf_nan=False,
            description="Reached at the first row at or below it; none: 90 % of the best decrease on each problem.",
        ),
    ] = None,
) -> Targets:
    """What it took each run to reach the target."""
    found = arrivals(store, runs, metric=metric, target=target)
    aims = {arrival.target for arrival in found if arrival.target is not None}
    return Targets(
        metric=metric,
        suggested=target is None,
        target=aims.pop() if len(aims) == 1 else None,
        items=[
            Target(
                run=arrival.run.id,
                target=arrival.target,
                costs=dict(arrival.costs) if arrival.costs else None,
            )
            for arrival in found
        ],
    )
