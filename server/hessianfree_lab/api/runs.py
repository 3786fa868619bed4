"""Runs: listed, read, changed, recorded."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse

from hessianfree_lab.api.dependencies import ArtifactsDep, MetersDep, SettingsDep, StoreDep
from hessianfree_lab.api.log_limit import within_limit
from hessianfree_lab.api.wire_json import RawBody, WireResponse, WireRoute, created, parse
from hessianfree_lab.errors import Fault, InvalidRequest, RecordNotFound
from hessianfree_lab.lifecycle import State
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
from hessianfree_lab.records.answers import LogPage, SpectrumSteps
from hessianfree_lab.records.scalars import LARGEST_STEP
from hessianfree_lab.store.interface import MAX_PAGE, RunQuery

router = APIRouter(prefix="/runs", tags=["runs"], route_class=WireRoute)

_ARCHIVED = {"false": False, "true": True, "all": None}
_SMALL = 64 * 1024
"""Bytes of a body that are parsed before anybody else would notice."""
_BATCH_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": IngestBatch.model_json_schema()}},
    }
}

StepNumber = Annotated[int, Path(ge=1, le=LARGEST_STEP)]


@router.get("", response_model=Page[Run])
def list_runs(
    store: StoreDep,
    state: Annotated[str, Query(description="One or more states, comma separated.")] = "",
    problem: str | None = None,
    optimizer: str | None = None,
    tag: str | None = None,
    q: Annotated[str | None, Query(description="In the name.", max_length=200)] = None,
    archived: Literal["false", "true", "all"] = "false",
    sort: Annotated[str, Query(max_length=120)] = "-created_at",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: str | None = None,
) -> WireResponse:
    query = RunQuery(
        state=_states(state),
        problem=problem,
        optimizer=optimizer,
        tag=tag,
        q=q,
        archived=_ARCHIVED[archived],
        sort=sort,
        limit=limit,
        cursor=cursor,
    )
    return WireResponse(store.list_runs(query))


@router.post("", status_code=201, response_model=Run)
def create_run(script: ScriptRun, store: StoreDep) -> WireResponse:
    """A run that one's own script records: running, attempt 1."""
    run = store.add_script_run(script)
    return created(run, f"/api/v1/runs/{run.id}")


@router.get("/{run_id}", response_model=Run)
def run(run_id: str, store: StoreDep) -> WireResponse:
    return WireResponse(store.get_run(run_id))


@router.patch("/{run_id}", response_model=Run)
def change_run(run_id: str, changes: RunChanges, store: StoreDep) -> WireResponse:
    return WireResponse(store.change_run(run_id, changes))


@router.delete("/{run_id}", status_code=204)
def remove_run(run_id: str, store: StoreDep, folders: ArtifactsDep) -> Response:
    """Remove the run and everything it recorded, its artifacts too; not while it runs."""
    store.remove_run(run_id)
    folders.remove_all(run_id)
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


@router.get(
    "/{run_id}/logs",
    response_model=LogPage,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def logs(
    request: Request,
    run_id: str,
    store: StoreDep,
    after: Annotated[int, Query(ge=-1, le=2**62)] = -1,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Response:
    """`{lines: [LogLine + attempt], next}`: pass `next` back as `after`. As text with `Accept: text/plain`."""
    entries = store.logs(run_id, after=after, limit=limit)
    following = entries[-1].position if entries else after
    if "text/plain" in request.headers.get("accept", ""):
        text = "".join(f"{entry.line.text}\n" for entry in entries)
        return PlainTextResponse(text, headers={"X-Next": str(following)})
    lines = [entry.line.model_dump(mode="json") | {"attempt": entry.attempt} for entry in entries]
    return WireResponse({"lines": lines, "next": following})


def _states(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    for name in names:
        if name not in set(State):
            message = f"state is {name!r}; it must be one of {', '.join(State)}."
            raise InvalidRequest([Fault("state", message)])
    return names
