"""Files of a run: listed, fetched, put, removed."""

from collections.abc import Iterator
from typing import Annotated, BinaryIO
from urllib.parse import quote

from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from hessianfree_lab.api.dependencies import ArtifactsDep, StoreDep
from hessianfree_lab.api.wire_json import WireResponse
from hessianfree_lab.records import Page
from hessianfree_lab.records.artifacts import Artifact

router = APIRouter(prefix="/runs/{run_id}/artifacts", tags=["artifacts"])

_PIECE = 256 * 1024
# Whatever is in it: no browser shows it as a page of this server, guesses what it is, or runs anything in it.
_HARMLESS = {"Content-Security-Policy": "default-src 'none'; sandbox", "X-Content-Type-Options": "nosniff"}
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_CONTENT = {"application/octet-stream": _BYTES}

FilePath = Annotated[str, Path(description="Within the run, parts separated by slashes.")]


@router.get("", response_model=Page[Artifact])
def artifacts(run_id: str, store: StoreDep, folders: ArtifactsDep) -> WireResponse:
    """`{items, next_cursor}`: every file's path, bytes, and when it was last written."""
    run = store.get_run(run_id)
    return WireResponse({"items": folders.listing(run.id), "next_cursor": None})


@router.get(
    "/{path:path}",
    response_class=StreamingResponse,
    responses={200: {"description": "The file.", "content": _CONTENT}},
)
def fetch_artifact(run_id: str, path: FilePath, store: StoreDep, folders: ArtifactsDep) -> StreamingResponse:
    """The file, to be saved."""
    file, size = folders.open(store.get_run(run_id).id, path)
    name = quote(path.rpartition("/")[2], safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "Content-Length": str(size)}
    return StreamingResponse(
        _pieces(file, size), media_type="application/octet-stream", headers=headers | _HARMLESS
    )


@router.put(
    "/{path:path}",
    status_code=201,
    response_model=Artifact,
    openapi_extra={"requestBody": {"required": False, "content": _CONTENT}},
)
async def put_artifact(
    run_id: str, path: FilePath, request: Request, store: StoreDep, folders: ArtifactsDep
) -> Response:
    """Store the body under that path, in place of what was there. 413: more than the file, or the run, may have."""
    run = await run_in_threadpool(store.get_run, run_id)
    with folders.incoming(run.id, path) as incoming:
        async for piece in request.stream():
            await run_in_threadpool(incoming.write, piece)
        artifact = await run_in_threadpool(incoming.keep)
    return WireResponse(artifact, status_code=201)


@router.delete("/{path:path}", status_code=204)
def remove_artifact(run_id: str, path: FilePath, store: StoreDep, folders: ArtifactsDep) -> Response:
    folders.remove(store.get_run(run_id).id, path)
    return Response(status_code=204)


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    # No more than was promised, should the file grow meanwhile.
    with file:
        while size > 0 and (piece := file.read(min(_PIECE, size))):
            size -= len(piece)
            yield piece
