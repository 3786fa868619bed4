"""Jobs: into the queue, and back out of it."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from pydantic import Field

from hessianfree_lab.api.changes import check_change
from hessianfree_lab.api.dependencies import RequesterDep, StoreDep
from hessianfree_lab.api.submission import JOB_BODY, check_job, located, read_document
from hessianfree_lab.api.wire_json import RawBody, WireResponse, WireRoute, created
from hessianfree_lab.records import Control, Page, Run, SetRequest
from hessianfree_lab.records.jobs import HIGHEST_PRIORITY, LOWEST_PRIORITY
from hessianfree_lab.records.scalars import Wire
from hessianfree_lab.store.interface import MAX_PAGE

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=WireRoute)


class PriorityChange(Wire):
    """Body of PATCH /jobs/{id}."""

    priority: int = Field(ge=LOWEST_PRIORITY, le=HIGHEST_PRIORITY)


@router.post("", status_code=201, response_model=Run, openapi_extra=JOB_BODY)
def submit(
    request: Request,
    body: RawBody,
    store: StoreDep,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
) -> WireResponse:
    """Queue a job, sent as JSON or YAML. With an `Idempotency-Key` seen before: 200 and the run it made then."""
    content_type = request.headers.get("content-type", "")
    with located(body, content_type):
        spec = check_job(read_document(body, content_type), store.problems(), store.optimizers())
    run, is_new = store.add_job(spec, idempotency_key=idempotency_key)
    return created(run, f"/api/v1/jobs/{run.id}", is_new=is_new)


@router.get("", response_model=Page[Run])
def queue(
    store: StoreDep,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: str | None = None,
) -> WireResponse:
    """Queued jobs in the order in which they will be claimed, then the running ones."""
    return WireResponse(store.queue(limit=limit, cursor=cursor))


@router.get("/{run_id}", response_model=Run)
def job(run_id: str, store: StoreDep) -> WireResponse:
    return WireResponse(store.get_run(run_id))


@router.patch("/{run_id}", response_model=Run)
def change_priority(run_id: str, change: PriorityChange, store: StoreDep) -> WireResponse:
    return WireResponse(store.set_priority(run_id, change.priority))


@router.post("/{run_id}/cancel", response_model=Run)
def cancel(run_id: str, store: StoreDep) -> WireResponse:
    """A queued job is cancelled at once; of a running one its worker is told, and the state follows."""
    return WireResponse(store.request_cancel(run_id))


@router.post("/{run_id}/pause", response_model=Run)
def pause(run_id: str, store: StoreDep, requester: RequesterDep) -> WireResponse:
    """Hold a job back: a queued one at once; a running one keeps its process, and its state follows."""
    return WireResponse(store.request_pause(run_id, requested_by=requester))


@router.post("/{run_id}/resume", response_model=Run)
def resume(run_id: str, store: StoreDep, requester: RequesterDep) -> WireResponse:
    """Let a paused job go on: with its process, or through the queue where it has none."""
    return WireResponse(store.request_resume(run_id, requested_by=requester))


@router.post("/{run_id}/set", status_code=202, response_model=Control)
def change_settings(
    run_id: str, request: SetRequest, store: StoreDep, requester: RequesterDep
) -> WireResponse:
    """Other settings of the optimizer, or another budget, from the next step on."""
    settings = check_change(store.get_run(run_id), store.controls(run_id), request, store.optimizers())
    control = store.request_set(run_id, settings, requested_by=requester)
    return WireResponse(control, status_code=202)


@router.post("/{run_id}/retry", response_model=Run)
def retry(run_id: str, store: StoreDep) -> WireResponse:
    """Queue an ended job again; it goes on from its latest checkpoint."""
    return WireResponse(store.requeue(run_id, from_scratch=False))


@router.post("/{run_id}/restart", response_model=Run)
def restart(run_id: str, store: StoreDep) -> WireResponse:
    """Queue an ended job again from its beginning; what it recorded is removed."""
    return WireResponse(store.requeue(run_id, from_scratch=True))
