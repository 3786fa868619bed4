"""Workers: registration, the long polls for jobs and for commands, leaving; and what workers can train."""

import time
from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from hessianfree_lab.api.dependencies import (
    AuthenticatorDep,
    BroadcasterDep,
    IdentityDep,
    RemindersDep,
    SettingsDep,
    StoreDep,
)
from hessianfree_lab.api.params import schema_fault
from hessianfree_lab.api.wire_json import WireResponse, WireRoute, created
from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import (
    Announcement,
    Assignment,
    Capacity,
    Heartbeat,
    HeartbeatReply,
    Offer,
    OptimizerInfo,
    Page,
    ProblemInfo,
    Worker,
    WorkerIdentity,
)
from hessianfree_lab.records.scalars import Wire
from hessianfree_lab.store.interface import QUEUE, commands_for

router = APIRouter(tags=["workers"], route_class=WireRoute)

MAX_RUNS_ASKED = 1_000


class ClaimRequest(Wire):
    """Body of POST /workers/{id}/claim."""

    wait_seconds: float = Field(0.0, ge=0, le=30)
    offer: Offer | None = Field(None, description="Of its GPUs; null: there is room on all.")


class RunsAskedAbout(Wire):
    """Body of POST /workers/{id}/runs: of which a worker has files."""

    runs: list[str] = Field(max_length=MAX_RUNS_ASKED)


@router.post("/workers", status_code=201, response_model=WorkerIdentity)
def register(
    announcement: Announcement, store: StoreDep, settings: SettingsDep, caller: IdentityDep
) -> WireResponse:
    faults = _schema_faults("problems", announcement.problems)
    faults += _schema_faults("optimizers", announcement.optimizers)
    if faults:
        raise InvalidRequest(faults)
    worker_id = store.add_worker(announcement, token_id=caller.token_id)
    identity = WorkerIdentity(
        id=worker_id, heartbeat_seconds=settings.heartbeat_seconds, lease_seconds=settings.lease_seconds
    )
    return created(identity, "/api/v1/workers")


@router.post(
    "/workers/{worker_id}/claim", response_model=Assignment, responses={204: {"description": "No job."}}
)
async def claim(
    worker_id: str,
    body: ClaimRequest,
    request: Request,
    store: StoreDep,
    broadcaster: BroadcasterDep,
    settings: SettingsDep,
    authenticator: AuthenticatorDep,
    caller: IdentityDep,
) -> Response:
    """The next job that fits the worker; waits for one up to `wait_seconds`, then 204."""
    deadline = time.monotonic() + body.wait_seconds
    with broadcaster.subscribe(QUEUE, commands_for(worker_id)) as subscription:
        # Who has gone away must not be given a job.
        while not (authenticator.has_revoked(caller) or await request.is_disconnected()):
            assignment = await run_in_threadpool(store.claim_job, worker_id, body.offer)
            if assignment is not None:
                return WireResponse(assignment)
            left = deadline - time.monotonic()
            if left <= 0 or broadcaster.closed:
                break
            await subscription.wait(min(left, settings.heartbeat_seconds))
    return Response(status_code=204)


@router.post("/workers/{worker_id}/heartbeat", response_model=HeartbeatReply)
async def heartbeat(
    worker_id: str,
    body: Heartbeat,
    request: Request,
    store: StoreDep,
    broadcaster: BroadcasterDep,
    settings: SettingsDep,
    reminders: RemindersDep,
) -> WireResponse:
    """Renews the leases of the attempts named; waits up to `wait_seconds` for something to tell."""
    deadline = time.monotonic() + body.wait_seconds
    with broadcaster.subscribe(commands_for(worker_id)) as subscription:
        while True:
            commands = await run_in_threadpool(store.heartbeat, worker_id, body.runs, body.load)
            left = deadline - time.monotonic()
            if (
                reminders.are_due(commands)
                or left <= 0
                or broadcaster.closed
                or await request.is_disconnected()
            ):
                break
            await subscription.wait(min(left, settings.heartbeat_seconds))
    reminders.note(commands)
    return WireResponse(HeartbeatReply(commands=commands))


@router.post("/workers/{worker_id}/runs")
def run_states(worker_id: str, body: RunsAskedAbout, store: StoreDep) -> WireResponse:  # noqa: ARG001
    """`{states: {id: state}}` of the runs named; those that are not there any more are left out."""
    return WireResponse({"states": store.states(body.runs)})


@router.put("/workers/{worker_id}/capacity", status_code=204)
def set_capacity(worker_id: str, capacity: Capacity, store: StoreDep) -> Response:
    """How many jobs at a time it has room for, and on which devices, from now on: a cluster grows and shrinks."""
    store.set_capacity(worker_id, capacity)
    return Response(status_code=204)


@router.delete("/workers/{worker_id}", status_code=204)
def leave(worker_id: str, store: StoreDep) -> Response:
    """The worker leaves; what it still holds ends as interrupted."""
    store.remove_worker(worker_id)
    return Response(status_code=204)


@router.get("/workers", response_model=Page[Worker])
def workers(store: StoreDep) -> WireResponse:
    return _items(store.workers())


@router.get("/problems", response_model=Page[ProblemInfo])
def problems(store: StoreDep) -> WireResponse:
    """What can be trained, with JSON Schemas: announced by the workers, known for good."""
    return _items(store.problems())


@router.get("/optimizers", response_model=Page[OptimizerInfo])
def optimizers(store: StoreDep) -> WireResponse:
    """What can train, with JSON Schemas: announced by the workers, known for good."""
    return _items(store.optimizers())


def _items(items: Sequence[BaseModel]) -> WireResponse:
    return WireResponse({"items": items, "next_cursor": None})


def _schema_faults(noun: str, infos: Sequence[ProblemInfo | OptimizerInfo]) -> list[Fault]:
    return [
        Fault(f"{noun}.{index}.params_schema", f"The schema of {info.name!r} is no JSON Schema: {wrong}")
        for index, info in enumerate(infos)
        if (wrong := schema_fault(info.params_schema))
    ]
