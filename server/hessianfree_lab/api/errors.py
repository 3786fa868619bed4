"""Every error leaves as `application/problem+json` (RFC 9457); who asked for a page gets a page."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from hessianfree_lab.api.faults import faults_of
from hessianfree_lab.api.wire_json import WireResponse
from hessianfree_lab.errors import (
    ArtifactTooLarge,
    DatabaseFull,
    DatabaseUnavailable,
    Fault,
    InvalidRequest,
    LabError,
    MalformedDocument,
    NoSpace,
    RecordNotFound,
    RunNotFound,
    StorageUnavailable,
    SweepNotFound,
    WorkerNotFound,
    WrongState,
)

logger = logging.getLogger(__name__)

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

PageOfError = Callable[..., Response]
"""Called with request, status, title and detail."""

_STATUS: tuple[tuple[type[LabError], int], ...] = (
    (RunNotFound, 404),
    (WorkerNotFound, 404),
    (RecordNotFound, 404),
    (SweepNotFound, 404),
    (WrongState, 409),
    (ArtifactTooLarge, 413),
    (MalformedDocument, 400),
    (InvalidRequest, 422),
    (NoSpace, 507),
    (DatabaseFull, 507),  # before what it is a kind of
    (DatabaseUnavailable, 503),
    (StorageUnavailable, 503),
)


def problem(status: int, detail: str, *, headers: Any = None, **more: Any) -> WireResponse:
    """`{type, title, status, detail}` and what else belongs to this kind of error."""
    title = HTTPStatus(status).phrase
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail} | more
    return WireResponse(content, status_code=status, headers=headers, media_type="application/problem+json")


def problem_of(error: LabError) -> WireResponse:
    """What a program is told of an error that has a status of its own."""
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    return problem(status, str(error), **_more(error))


def install(app: FastAPI, page: PageOfError) -> None:
    """Register the handlers; `page` renders what a browser shows of an error."""

    def answer(request: Request, status: int, detail: str, **more: Any) -> Response:
        if wants_page(request):
            return page(request, status=status, title=HTTPStatus(status).phrase, detail=detail)
        return problem(status, detail, **more)

    async def on_lab_error(request: Request, error: Exception) -> Response:
        for kind, status in _STATUS:
            if isinstance(error, kind):
                return answer(request, status, str(error), **_more(error))
        return await on_anything(request, error)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_allowed(request))
        return answer(request, error.status_code, _detail(request, error), headers=headers)

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = error.errors()
        # The first part says where the value stood (body, query, path), which the name makes plain.
        faults = faults_of(entry | {"loc": entry["loc"][1:]} for entry in errors)
        invalid = InvalidRequest(faults)
        return answer(request, 422, str(invalid), **_more(invalid))

    async def on_anything(request: Request, error: Exception) -> Response:
        about = {"run": request.path_params.get("run_id")}
        logger.error("%s %s failed", request.method, scope_path(request), exc_info=error, extra=about)
        detail = "Something went wrong in the server. Its log says what."
        return answer(request, 500, detail)

    app.add_exception_handler(LabError, on_lab_error)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(Exception, on_anything)


def scope_path(request: Request) -> str:
    """The path that is routed; `request.url.path` is of an address put together with the Host that was sent."""
    path: str = request.scope["path"]
    return path


def wants_page(request: Request) -> bool:
    """Whether a person is looking: a browser asks for a document outside the API."""
    return (
        request.method in ("GET", "HEAD")
        and not scope_path(request).startswith("/api/")
        and "text/html" in request.headers.get("accept", "")
    )


def _allowed(request: Request) -> list[str]:
    """The methods that some route has for this path; the framework names those of the first one only."""
    # Where a word stands in place of an id (runs/fields) only what there is under that very path; routes cannot tell.
    described = request.app.openapi()["paths"].get(scope_path(request))
    if described is not None:
        return [method for method in _METHODS if method.lower() in described]
    routes = request.app.routes
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _more(error: LabError) -> dict[str, Any]:
    if isinstance(error, WrongState):
        return {"state": error.state}
    if isinstance(error, InvalidRequest):
        return {"errors": [_fault(fault) for fault in error.faults]}
    if isinstance(error, MalformedDocument) and error.line is not None:
        return {"line": error.line, "column": error.column}
    return {}


def _fault(fault: Fault) -> dict[str, Any]:
    where = {} if fault.position is None else {"position": fault.position}
    return {"path": fault.path, "message": fault.message} | where


def _detail(request: Request, error: HTTPException) -> str:
    """A sentence where the framework has a phrase."""
    if error.detail != HTTPStatus(error.status_code).phrase:
        return error.detail
    match error.status_code:
        case 404:
            return f"There is nothing at {scope_path(request)}."
        case 405:
            return f"{request.method} is not possible at {scope_path(request)}."
        case _:
            return f"{error.detail}."
