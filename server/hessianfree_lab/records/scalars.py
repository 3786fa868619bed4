"""Numbers on the wire.

JSON has no NaN and no infinity, and a diverged run is full of them. They travel as the strings "NaN",
"Infinity" and "-Infinity", in requests, answers, event streams and files alike.
"""

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode(value: Any) -> Any:
    """`value` with every non-finite float replaced by its wire string, through lists, tuples and dicts."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    return value


def decode(value: Any) -> Any:
    """The float behind a wire string; everything else unchanged. Scalars only."""
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value


Number = Annotated[
    float,
    BeforeValidator(decode),
    PlainSerializer(encode, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": list(_NON_FINITE)}]}),
]
"""A float that survives JSON."""

Scalar = Annotated[
    bool | int | float | str | None, BeforeValidator(decode), PlainSerializer(encode, when_used="json")
]
"""One metric's value at one step: mostly a float; `accepted` is a bool, `cg_stop` a string; None: not measured."""


def to_float(value: Any) -> float:
    """A number as a float; an integer beyond all floats is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


LARGEST_STEP = 2**53  # up to here every number is exact in JSON
Attempt = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""The number of an attempt."""


class Wire(BaseModel):
    """Base of all records: frozen, and deaf to nothing: an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")
