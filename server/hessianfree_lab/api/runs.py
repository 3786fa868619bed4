"""Runs: read, changed, recorded."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Path, Response
from fastapi.concurrency import run_in_threadpool

from hessianfree_lab.api.dependencies import MetersDep, SettingsDep, StoreDep
from hessianfree_lab.api.log_limit import within_limit
from hessianfree_lab.api.wire_json import RawBody, WireResponse, WireRoute, created, parse
from hessianfree_lab.errors import RecordNotFound
from hessianfree_lab.records import (
    AttemptInfo,
    CGTrace,
    Control,
    FinishRequest,
    IngestBatch,
    IngestReply,
    Landscape,
    Page,
    Run,
    RunChanges,
    ScriptRun,
    Spectrum,
)
from hessianfree_lab.records.answers import Neighbours, SpectrumSteps
from hessianfree_lab.records.scalars import LARGEST_STEP

router = APIRouter(prefix="/runs", tags=["runs"], route_class=WireRoute)

_SMALL = 64 * 1024
"""Bytes of a body that are parsed before anybody else would notice."""
_BATCH_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": IngestBatch.model_json_schema()}},
    }
}

StepNumber = Annotated[int, Path(ge=1, le=LARGEST_STEP)]


@router.post("", status_code=201, response_model=Run)
def create_run(
    script: ScriptRun,
    store: StoreDep,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
) -> WireResponse:
    """A run that one's own script records: running, attempt 1. An `Idempotency-Key` seen before answers its run."""
    run = store.add_script_run(script, idempotency_key=idempotency_key)
    return created(run, f"/api/v1/runs/{run.id}")


@router.get("/{run_id}", response_model=Run)
def run(run_id: str, store: StoreDep) -> WireResponse:
    return WireResponse(store.get_run(run_id))


@router.patch("/{run_id}", response_model=Run)
def change_run(run_id: str, changes: RunChanges, store: StoreDep) -> WireResponse:
    return WireResponse(store.change_run(run_id, changes))


@router.delete("/{run_id}", status_code=204)
def remove_run(run_id: str, store: StoreDep) -> Response:
    """Remove the run and everything it recorded, its files soon after; not while it runs."""
    store.remove_run(run_id)
    return Response(status_code=204)


@router.post("/{run_id}/records", response_model=IngestReply, openapi_extra=_BATCH_BODY)
async def append(
    run_id: str, body: RawBody, store: StoreDep, meters: MetersDep, settings: SettingsDep
) -> WireResponse:
    """Store a batch; the answer comes after the commit. Sending it again changes nothing."""
    # Threads cost more than a small batch does: it is read here, and committed by the store's own thread.
    batch = (
        parse(IngestBatch, body) if len(body) < _SMALL else await run_in_threadpool(parse, IngestBatch, body)
    )
    reply = await asyncio.wrap_future(store.submit(run_id, within_limit(batch, settings.max_log_lines)))
    meters.steps.inc(len(batch.steps))
    return WireResponse(reply)


@router.post("/{run_id}/finish", response_model=Run)
def finish(run_id: str, request: FinishRequest, store: StoreDep) -> WireResponse:
    """How an attempt ended."""
    return WireResponse(store.finish(run_id, request))


@router.get("/{run_id}/steps/{step}/cg", response_model=CGTrace)
def trace(run_id: str, step: StepNumber, store: StoreDep) -> WireResponse:
    """The inner solve of a step."""
    return WireResponse(store.trace(run_id, step))


@router.get("/{run_id}/steps/{step}/spectrum", response_model=Spectrum)
def spectrum(run_id: str, step: StepNumber, store: StoreDep) -> WireResponse:
    """The spectrum of the loss's curvature before a step."""
    return WireResponse(store.spectrum(run_id, step))


@router.get("/{run_id}/steps/{step}/neighbours", response_model=Neighbours)
def neighbours(run_id: str, step: StepNumber, store: StoreDep) -> WireResponse:
    """The nearest steps before and after it that have an inner solve, or a spectrum."""
    return WireResponse(store.neighbours(run_id, step))


@router.get("/{run_id}/spectra", response_model=SpectrumSteps)
def spectra(run_id: str, store: StoreDep) -> WireResponse:
    """`{steps}`: those that have a spectrum."""
    return WireResponse({"steps": store.spectrum_steps(run_id)})


@router.get("/{run_id}/landscape", response_model=Landscape)
def landscape(run_id: str, store: StoreDep) -> WireResponse:
    """The objective on a grid, of a problem with two parameters."""
    found = store.landscape(run_id)
    if found is None:
        raise RecordNotFound(f"Run {run_id} has no landscape: its problem does not have two parameters.")
    return WireResponse(found)


@router.get("/{run_id}/controls", response_model=Page[Control])
def controls(run_id: str, store: StoreDep) -> WireResponse:
    """`{items: [Control]}`: everything that was asked of the job while it ran."""
    return WireResponse({"items": store.controls(run_id), "next_cursor": None})


@router.get("/{run_id}/attempts", response_model=Page[AttemptInfo])
def attempts(run_id: str, store: StoreDep) -> WireResponse:
    """`{items: [AttemptInfo]}`: the attempts at the run, in order."""
    return WireResponse({"items": store.attempts(run_id), "next_cursor": None})
