"""What is wrong with a value, in sentences: from pydantic's errors."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from hessianfree_lab.errors import Fault
from hessianfree_lab.names import nearest

_LIMITS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}
_KINDS = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def faults_of(errors: Iterable[Mapping[str, Any]], model: type[BaseModel] | None = None) -> list[Fault]:
    """One fault for each pydantic error. `model`: whose keys an unknown one may have been meant for."""
    faults = [_fault(error, _keys_at(model, error["loc"][:-1])) for error in errors]
    return list(dict.fromkeys(faults))


def shown(value: Any) -> str:
    """A value in a sentence: short, whatever it is."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def join(location: Iterable[Any]) -> str:
    """A dotted path."""
    return ".".join(str(part) for part in location)


def _keys_at(model: type[BaseModel] | None, location: Iterable[Any]) -> Sequence[str]:
    """The keys of the model that stands at a location within another; none where that is no model."""
    for part in location:
        field = model.model_fields.get(part) if model is not None else None
        inner = field.annotation if field is not None else None
        model = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None
    return tuple(model.model_fields) if model is not None else ()


def _fault(error: Mapping[str, Any], known: Sequence[str]) -> Fault:
    path = join(error["loc"])
    name, value, kind = path or "The body", shown(error.get("input")), error["type"]
    context = error.get("ctx") or {}
    if kind == "missing":
        return Fault(path, f"{name} is missing.")
    if kind == "extra_forbidden":
        return Fault(path, f"{name} is not a known key.{nearest(str(error['loc'][-1]), known)}")
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        return Fault(path, f"{name} is {value}; it must be {words} {context[key]}.")
    if kind in _KINDS:
        return Fault(path, f"{name} is {value}; it must be {_KINDS[kind]}.")
    message = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    return Fault(path, f"{name} is {value}: {message[0].lower()}{message[1:]}.")
