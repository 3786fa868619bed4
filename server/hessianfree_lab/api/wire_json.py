"""JSON in and out as docs/wire.md has it: NaN and the infinities survive."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from hessianfree_lab.api.faults import faults_of
from hessianfree_lab.errors import InvalidRequest, MalformedDocument

Model = TypeVar("Model", bound=BaseModel)


class WireResponse(JSONResponse):
    """Non-finite floats as their wire strings, at whatever depth; FastAPI's own encoder would make them null."""

    def render(self, content: Any) -> bytes:
        return to_json(content, inf_nan_mode="strings")


def created(content: BaseModel, location: str, *, is_new: bool = True) -> WireResponse:
    """201 with its Location; 200 when it was there already."""
    headers: Mapping[str, str] = {"Location": location}
    return WireResponse(content, status_code=201 if is_new else 200, headers=headers)


async def _read_body(request: Request) -> bytes:
    return await request.body()


RawBody = Annotated[bytes, Depends(_read_body)]
"""The body as it came, for endpoints that parse it in their own thread, or in more than one language."""


def parse(model: type[Model], body: bytes) -> Model:
    """One record from JSON; a quarter of the time of parsing first and validating then."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        if errors[0]["type"] == "json_invalid":
            load_json(body)  # says where; whatever it lets pass (such as a bare NaN) is still refused
        raise InvalidRequest(faults_of(errors, model)) from None


def load_json(body: bytes) -> Any:
    """Any JSON value; `MalformedDocument` says where the body is none."""
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        problem = error.msg[0].lower() + error.msg[1:]
        raise MalformedDocument("JSON", problem, error.lineno, error.colno) from None
    except UnicodeDecodeError:
        raise MalformedDocument("JSON", "it is not text in UTF-8") from None
    except RecursionError:
        raise MalformedDocument("JSON", "it is nested too deeply") from None
