"""The queue as a person sees it: what a job would be and how long it would wait, places, moves."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from hessianfree_lab.api.dependencies import StoreDep
from hessianfree_lab.api.submission import (
    JOB_BODY,
    check_job,
    differences,
    is_yaml,
    located,
    read_document,
)
from hessianfree_lab.api.sweeping import check_sweep
from hessianfree_lab.api.wire_json import RawBody, WireResponse, WireRoute
from hessianfree_lab.documents import has_comments, write_yaml
from hessianfree_lab.records import JobSpec, OptimizerInfo, ProblemInfo, Run
from hessianfree_lab.records.estimates import Check, Move, Place, Queue
from hessianfree_lab.records.sweeps import SweepSpec
from hessianfree_lab.store.interface import MAX_PAGE, Store

router = APIRouter(tags=["queue"], route_class=WireRoute)


@router.post("/check", response_model=Check, openapi_extra=JOB_BODY)
def check(request: Request, body: RawBody, store: StoreDep) -> WireResponse:
    """What a job sent as to `POST /jobs` would be, and how long it would wait; nothing is queued.

    A sweep likewise: what has `search` is taken for one.
    """
    content_type = request.headers.get("content-type", "")
    with located(body, content_type):
        data = read_document(body, content_type)
        is_sweep = isinstance(data, dict) and "search" in data
        answer = _checked_sweep(data, store) if is_sweep else _checked_job(data, store)
    commented = is_yaml(content_type) and has_comments(body.decode())
    return WireResponse(answer.model_copy(update={"has_comments": commented}))


def _checked_job(data: Any, store: Store) -> Check:
    problems, optimizers = store.problems(), store.optimizers()
    spec = check_job(data, problems, optimizers)
    told = differences(spec, problems, optimizers)
    return Check(spec=spec, differs=told, yaml=write_yaml(told), estimate=store.waiting.estimate(spec))


def _checked_sweep(data: Any, store: Store) -> Check:
    problems, optimizers = store.problems(), store.optimizers()
    sweep, trials = check_sweep(data, problems, optimizers)
    told = sweep.model_dump(mode="json", exclude_defaults=True)
    base = sweep.base
    told |= {"base": differences(base, problems, optimizers), "search": _search(sweep)}
    if sweep.optimizers:
        told["base"].pop("optimizer")
        changed = {
            name: _changed(base, name, params, problems, optimizers)
            for name, params in sweep.optimizers.items()
        }
        told["optimizers"] = {name: params for name, params in changed.items() if params}
    return Check(
        spec=sweep.base,
        sweep=sweep,
        trials=trials,
        runs=trials * len(sweep.all_seeds),
        differs=told,
        yaml=write_yaml(told),
        estimate=store.waiting.estimate(sweep.base),
    )


def _changed(
    base: JobSpec,
    optimizer: str,
    params: dict[str, Any],
    problems: Sequence[ProblemInfo],
    optimizers: Sequence[OptimizerInfo],
) -> dict[str, Any]:
    """Of these settings of an optimizer those that differ from its defaults."""
    job = base.model_copy(update={"optimizer": optimizer, "optimizer_params": params})
    told: dict[str, Any] = differences(job, problems, optimizers).get("optimizer_params", {})
    return told


def _search(sweep: SweepSpec) -> dict[str, Any]:
    """As a person writes it: a method always, choices as a list."""
    told = sweep.search.model_dump(mode="json", exclude_defaults=True)
    space = {
        name: _dimension(dimension.model_dump(mode="json", exclude_defaults=True))
        for name, dimension in sweep.search.space.items()
    }
    return {"method": sweep.search.method} | told | {"space": space}


def _dimension(told: dict[str, Any]) -> Any:
    return told["choices"] if told.keys() == {"choices"} else told


@router.get("/queue", response_model=Queue)
def queue(
    store: StoreDep,
    start: Annotated[int, Query(ge=1, le=2**31)] = 1,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> WireResponse:
    """The queued jobs from place number `start` on, in the order of claims, with estimates of their wait."""
    return WireResponse(store.waiting.page(start=start, limit=limit))


@router.get("/jobs/{run_id}/place", response_model=Place)
def place(run_id: str, store: StoreDep) -> WireResponse:
    """Where a queued job stands, and how long it is likely to wait."""
    return WireResponse(store.waiting.place(run_id))


@router.post("/jobs/{run_id}/move", response_model=Run)
def move(run_id: str, to: Move, store: StoreDep) -> WireResponse:
    """Have a queued job claimed before or after another one, first or last: by priorities, also of its neighbours."""
    return WireResponse(store.waiting.move(run_id, to))
