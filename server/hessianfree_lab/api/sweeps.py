"""Sweeps: submitted, watched, cancelled, forgotten."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from hessianfree_lab.api.dependencies import StoreDep
from hessianfree_lab.api.submission import read_document
from hessianfree_lab.api.sweep_order import ordered, page_of
from hessianfree_lab.api.sweeping import check_sweep
from hessianfree_lab.api.wire_json import RawBody, WireResponse, WireRoute, created
from hessianfree_lab.records import Page
from hessianfree_lab.records.sweeps import Sweep, SweepSpec, Trial
from hessianfree_lab.store.interface import MAX_PAGE

router = APIRouter(prefix="/sweeps", tags=["sweeps"], route_class=WireRoute)

_SWEEP_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": SweepSpec.model_json_schema()},
            "application/yaml": {"schema": {"type": "string"}},
        },
    }
}


@router.post("", status_code=201, response_model=Sweep, openapi_extra=_SWEEP_BODY)
def submit_sweep(
    request: Request,
    body: RawBody,
    store: StoreDep,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
) -> WireResponse:
    """Begin a sweep, sent as JSON or YAML. With an `Idempotency-Key` seen before: 200 and the sweep it began then.

    Its trials are queued at once, or as those before them end.
    """
    data = read_document(body, request.headers.get("content-type", ""))
    spec, total = check_sweep(data, store.problems(), store.optimizers())
    sweep, is_new = store.sweeps.add(spec, total=total, idempotency_key=idempotency_key)
    return created(sweep, f"/api/v1/sweeps/{sweep.id}", is_new=is_new)


@router.get("", response_model=Page[Sweep])
def sweeps(
    store: StoreDep,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: Annotated[str | None, Query(max_length=36)] = None,
) -> WireResponse:
    """All sweeps, the newest first."""
    return WireResponse(store.sweeps.page(limit=limit, cursor=cursor))


@router.get("/{sweep_id}", response_model=Sweep)
def sweep(sweep_id: str, store: StoreDep) -> WireResponse:
    """The sweep as it stands now."""
    return WireResponse(store.sweeps.get(sweep_id))


@router.get("/{sweep_id}/trials", response_model=Page[Trial])
def trials(
    sweep_id: str,
    store: StoreDep,
    sort: Annotated[
        str,
        Query(
            max_length=200,
            description="`number`, `value`, `state`, `seconds` or a path of the space; `-` before it: descending.",
        ),
    ] = "number",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: Annotated[int | None, Query(ge=0, le=2**31)] = None,
) -> WireResponse:
    """The trials in that order; what has no value comes last. The cursor is the number of the last one seen."""
    spec, found = store.sweeps.study(sweep_id)
    return WireResponse(page_of(ordered(found, sort, spec), limit, cursor))


@router.post("/{sweep_id}/cancel", response_model=Sweep)
def cancel_sweep(sweep_id: str, store: StoreDep) -> WireResponse:
    """Nothing more is tried: queued trials are cancelled at once, the workers of those that run are told."""
    return WireResponse(store.sweeps.cancel(sweep_id))


@router.delete("/{sweep_id}", status_code=204)
def remove_sweep(sweep_id: str, store: StoreDep) -> Response:
    """Forget an ended sweep. Its runs stay, as runs of their own."""
    store.sweeps.remove(sweep_id)
    return Response(status_code=204)
