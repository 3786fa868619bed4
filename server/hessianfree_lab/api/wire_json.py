"""JSON in and out as docs/wire.md has it: NaN and the infinities survive."""

import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException

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


class WireRequest(Request):
    """A request whose JSON is read by `load_json`."""

    async def json(self) -> Any:
        try:
            return load_json(await self.body())
        except MalformedDocument as error:
            raise HTTPException(400, str(error)) from None


class WireRoute(APIRoute):
    """A route that reads JSON so: FastAPI's own reading says "There was an error", or nothing."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_wire(request: Request) -> Response:
            return await handle(WireRequest(request.scope, request.receive))

        return handle_wire


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
            load_json(body)  # says where, in words of ours; it lets more pass
            raise MalformedDocument("JSON", str(errors[0]["ctx"]["error"])) from None
        raise InvalidRequest(faults_of(errors, model)) from None


def load_json(body: bytes) -> Any:
    """Any JSON value that can be told again; `MalformedDocument` says where the body is none."""
    try:
        return speakable(json.loads(body), "JSON")
    except json.JSONDecodeError as error:
        problem = error.msg[0].lower() + error.msg[1:]
        raise MalformedDocument("JSON", problem, error.lineno, error.colno) from None
    except UnicodeDecodeError:
        raise MalformedDocument("JSON", "it is not text in UTF-8") from None
    except RecursionError:
        raise MalformedDocument("JSON", "it is nested too deeply") from None
    except ValueError:  # of Python's: no more than 4,300 digits
        raise MalformedDocument("JSON", "it has a number with too many digits") from None


def speakable(value: Any, language: str) -> Any:
    """`value`, if it can be told again as JSON: halves of a surrogate pair cannot, nor what is nested too deeply."""
    try:
        to_json(value)
    except ValueError as error:
        problem = "has text that is no Unicode" if "Unicode" in str(error) else "is nested too deeply"
        raise MalformedDocument(language, f"it {problem}") from None
    return value
