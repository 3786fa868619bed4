"""What a run's processes printed: in pages from either end, searched, and as one text."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from hessianfree_lab.api.dependencies import StoreDep
from hessianfree_lab.api.wire_json import WireResponse
from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records.answers import LogPage
from hessianfree_lab.store.interface import EVERY_LINE, LogEntry, LogQuery, Store

router = APIRouter(prefix="/runs/{run_id}", tags=["runs"])

STREAMS = ("stdout", "stderr", "worker")
_LINES_AT_A_TIME = 5_000
_POSITIONS = Query(ge=-1, le=2**62)
_AS_TEXT = {"content": {"text/plain": {"schema": {"type": "string"}}}}


@router.get("/logs", response_model=LogPage, responses={200: _AS_TEXT})
def logs(
    request: Request,
    run_id: str,
    store: StoreDep,
    after: Annotated[int, _POSITIONS] = -1,
    before: Annotated[
        int | None, Query(ge=0, le=2**62, description="The last lines below this position.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    q: Annotated[str, Query(max_length=200, description="Only lines that contain it.")] = "",
    stream: Annotated[str, Query(description="One or more streams, comma separated; none: all.")] = "",
) -> Response:
    """`{lines, next, previous, total}`: pass `next` back as `after`, `previous` as `before`.

    `total`, the lines that fit `q` and `stream`, is counted where `before` or `q` is given. As text with
    `Accept: text/plain`.
    """
    query = LogQuery(text=q, streams=_streams(stream))
    if "text/plain" in request.headers.get("accept", ""):
        entries = store.logs(run_id, query, after=after, before=before, limit=limit)
        following = entries[-1].position if entries else after
        return PlainTextResponse(_text(entries), headers={"X-Next": str(following)})
    return WireResponse(page_of(store, run_id, query, after=after, before=before, limit=limit))


@router.get(
    "/logs.txt", response_class=StreamingResponse, responses={200: {"description": "The file.", **_AS_TEXT}}
)
def as_text(run_id: str, store: StoreDep) -> StreamingResponse:
    """All of it, as it was printed."""
    store.get_run(run_id)
    headers = {"Content-Disposition": f'attachment; filename="{run_id}.log"'}
    return StreamingResponse(_pieces(store, run_id), media_type="text/plain; charset=utf-8", headers=headers)


def page_of(
    store: Store,
    run_id: str,
    query: LogQuery = EVERY_LINE,
    *,
    after: int = -1,
    before: int | None = None,
    limit: int,
) -> dict[str, Any]:
    """A LogPage, plain."""
    entries = store.logs(run_id, query, after=after, before=before, limit=limit)
    is_counted = before is not None or query.text != ""
    return {
        "lines": [
            entry.line.model_dump(mode="json") | {"attempt": entry.attempt, "position": entry.position}
            for entry in entries
        ],
        "next": entries[-1].position if entries else after,
        "previous": entries[0].position if len(entries) == limit else None,
        "total": store.count_logs(run_id, query) if is_counted else None,
    }


def _pieces(store: Store, run_id: str) -> Iterator[str]:
    after = -1
    while entries := store.logs(run_id, after=after, limit=_LINES_AT_A_TIME):
        yield _text(entries)
        after = entries[-1].position


def _text(entries: list[LogEntry]) -> str:
    return "".join(f"{entry.line.text}\n" for entry in entries)


def _streams(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    for name in names:
        if name not in STREAMS:
            message = f"stream is {name!r}; it must be one of {', '.join(STREAMS)}."
            raise InvalidRequest([Fault("stream", message)])
    return names
