"""The API's description (OpenAPI): what FastAPI finds out by itself, and what the gate and the error handlers add."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from hessianfree_lab.api.policy import decide

_ERRORS = (400, 401, 403, 404, 405, 409, 413, 422, 429, 503, 507)
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, in a sentence."},
        "state": {"type": "string", "description": "409: the run's state now."},
        "errors": {
            "description": "422: every fault.",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def install(app: FastAPI) -> None:
    """Have the application describe itself so, once it is asked."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _description(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


def _description(app: FastAPI) -> dict[str, Any]:
    described = get_openapi(title=app.title, version=app.version, routes=app.routes)
    components = described.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    # FastAPI's own shape of a 422, which nothing here answers.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    components["responses"] = {
        HTTPStatus(status).name: {
            "description": HTTPStatus(status).phrase,
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in _ERRORS
    }
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            _complete(operation, is_open=decide(method.upper(), path)[0].roles is None)
    return described


def _complete(operation: dict[str, Any], *, is_open: bool) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    for status in _ERRORS:
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{HTTPStatus(status).name}"})
    if not is_open:
        operation["security"] = [{"token": []}]
