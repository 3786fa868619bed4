"""Parameters against the JSON Schema that a worker announced: faults in sentences, and defaults filled in."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from hessianfree_lab.api.faults import join, shown
from hessianfree_lab.errors import Fault
from hessianfree_lab.names import nearest

Schema = Mapping[str, Any]

_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "multipleOf": "a multiple of",
}
_SIZES = {
    "minItems": ("at least", "items"),
    "maxItems": ("at most", "items"),
    "minLength": ("at least", "characters"),
    "maxLength": ("at most", "characters"),
    "minProperties": ("at least", "keys"),
    "maxProperties": ("at most", "keys"),
}
_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


def schema_fault(schema: Schema) -> str | None:
    """What keeps a schema from being one; None: nothing."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = join(error.absolute_path)
        return f"{where}: {error.message}" if where else str(error.message)
    resource = Registry().with_resource("", DRAFT202012.create_resource(schema))
    for reference in _references(schema):
        try:
            resource.resolver().lookup(reference)
        except Unresolvable:
            # Checked here, where its author hears of it; and nothing is ever fetched from elsewhere.
            return f"the reference {reference!r} leads nowhere within it."
    return None


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for part in schema.values():
            yield from _references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part)


def check_params(params: Mapping[str, Any], schema: Schema, path: str) -> list[Fault]:
    """Every fault, in the order of the keys. `path` is where the parameters stand: `optimizer_params`."""
    odd = [
        Fault(where, f"{where} is {value}; it must be finite.") for where, value in _non_finite(params, path)
    ]
    # An empty registry: nothing is fetched, whatever the schema refers to.
    validator = Draft202012Validator(schema, registry=Registry())
    try:
        faults = odd + [fault for error in validator.iter_errors(params) for fault in _faults(error, path)]
    except RecursionError:
        return [
            Fault(path, f"{path} cannot be checked: the schema that was announced leads round in a circle.")
        ]
    return list(dict.fromkeys(faults))


def with_defaults(params: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """The parameters with the schema's defaults where nothing is given, in the schema's order."""
    return _fill(params, schema, schema)


def _fill(params: Mapping[str, Any], schema: Schema, root: Schema) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    for name, part in schema.get("properties", {}).items():
        inner = _resolve(part, root)
        if name in params:
            value = params[name]
            filled[name] = _fill(value, inner, root) if isinstance(value, dict) else value
        elif "default" in part:
            filled[name] = part["default"]
        elif "default" in inner:
            filled[name] = inner["default"]
    return filled | {name: value for name, value in params.items() if name not in filled}


def _resolve(schema: Schema, root: Schema) -> Schema:
    """The schema that a local reference (`#/$defs/Name`) leads to; others stay as they are."""
    reference = schema.get("$ref", "")
    if not reference.startswith("#/$defs/"):
        return schema
    found: Schema = root.get("$defs", {}).get(reference.removeprefix("#/$defs/"), schema)
    return found


def _non_finite(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Where a NaN or an infinity stands; no bound of a schema would catch a NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _non_finite(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _non_finite(item, f"{path}.{index}")


def _faults(error: ValidationError, root: str) -> Iterator[Fault]:
    path = join([root, *error.absolute_path])
    wanted: Any = error.validator_value
    given: Any = error.instance
    value = shown(given)
    match error.validator:
        case "additionalProperties" if wanted is False:
            known = sorted(_properties(error.schema))
            for name in sorted(set(given) - set(known)):
                hint = nearest(name, known) or _allowed(known)
                yield Fault(f"{path}.{name}", f"{path}.{name} is not a known key.{hint}")
        case "required":
            for name in wanted:
                if name not in given:
                    yield Fault(f"{path}.{name}", f"{path}.{name} is missing.")
        case "type":
            yield Fault(path, f"{path} is {value}; it must be {_kinds(wanted)}.")
        case "enum":
            choices = ", ".join(shown(choice) for choice in wanted)
            hint = nearest(given, map(str, wanted)) if isinstance(given, str) else ""
            yield Fault(path, f"{path} is {value}; it must be one of {choices}.{hint}")
        case "const":
            yield Fault(path, f"{path} is {value}; it must be {shown(wanted)}.")
        case "pattern":
            yield Fault(path, f"{path} is {value}; it must match the pattern {wanted}.")
        case "anyOf" | "oneOf" if error.context:
            yield from _of_branches(error, root, path, value)
        case str() as keyword if keyword in _LIMITS:
            yield Fault(path, f"{path} is {value}; it must be {_LIMITS[keyword]} {wanted}.")
        case str() as keyword if keyword in _SIZES:
            words, unit = _SIZES[keyword]
            yield Fault(path, f"{path} has {len(given)} {unit}; it must have {words} {wanted}.")
        case _:
            yield Fault(path, f"{path} is {value}: {error.message}.")


def _of_branches(error: ValidationError, root: str, path: str, value: str) -> Iterator[Fault]:
    """A value that is right in none of several ways: what is wrong in the way that has its type, else the types."""
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.schema_path[0], []).append(inner)
    types = []
    for inner_errors in branches.values():
        mismatched = [e for e in inner_errors if e.validator == "type" and not e.path]
        if not mismatched:
            for inner in inner_errors:
                yield from _faults(inner, root)
            return
        types += [kind for e in mismatched for kind in _listed(e.validator_value)]
    yield Fault(path, f"{path} is {value}; it must be {_kinds(types)}.")


def _properties(schema: Any) -> dict[str, Any]:
    properties: dict[str, Any] = schema.get("properties", {})
    return properties


def _kinds(types: Any) -> str:
    return " or ".join(dict.fromkeys(_KINDS.get(kind, str(kind)) for kind in _listed(types)))


def _listed(types: Any) -> list[str]:
    return [types] if isinstance(types, str) else list(types)


def _allowed(names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f" Known keys: {listed}." if listed else " There are no keys to give here."
