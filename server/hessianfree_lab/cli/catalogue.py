"""Problems and optimizers as the terminal shows them: what each is, and its parameters from its JSON Schema."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hessianfree_lab.cli import text

if TYPE_CHECKING:
    from hessianfree_lab.records import OptimizerInfo, ProblemInfo

BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def print_catalogue(
    entries: "Iterable[ProblemInfo | OptimizerInfo]", *, kind: str, only: str | None, as_json: bool
) -> None:
    """Print every entry, or the one named `only`; `InvalidRequest` with the nearest name when it is unknown."""
    import json

    from rich.console import Console

    from hessianfree_lab.errors import Fault, InvalidRequest
    from hessianfree_lab.names import unknown

    known = {entry.name: entry for entry in entries}
    if only is not None and only not in known:
        raise InvalidRequest([Fault(kind, unknown(kind, only, known))])
    chosen = [known[only]] if only else list(known.values())
    if as_json:
        print(json.dumps([entry.model_dump(mode="json") for entry in chosen], indent=2))
        return
    console = Console(markup=False, highlight=False, soft_wrap=True)
    if not known:
        console.print(f"No worker has announced a {kind} yet: start one with `hessianfree work`.")
    for entry in chosen:
        console.print(entry.name, style="bold", end="")
        console.print(f"  {entry.title}")
        console.print(f"  {entry.description}")
        for name, schema in entry.params_schema.get("properties", {}).items():
            console.print(f"    {name}: {describe(schema)}")
        console.print()


def describe(schema: Mapping[str, Any]) -> str:
    """One parameter: `number > 0, default 1.0. Initial damping.`"""
    choices = list(_alternatives(schema))
    facts = " or ".join(dict.fromkeys(_kind(choice) for choice in choices))
    if "default" in schema:
        facts += f", default {_value(schema['default'])}"
    description = schema.get("description")
    return f"{facts}. {description}" if description else f"{facts}."


def _alternatives(schema: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return schema.get("anyOf") or schema.get("oneOf") or [schema]


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(_value, schema["enum"]))
    if "const" in schema:
        return _value(schema["const"])
    kinds = schema.get("type", "anything")
    kind = "none" if kinds == "null" else kinds if isinstance(kinds, str) else " or ".join(kinds)
    bounds = [f"{sign} {_value(schema[key])}" for key, sign in BOUNDS.items() if key in schema]
    return " ".join([kind, " and ".join(bounds)]) if bounds else kind


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return text.number(value) if isinstance(value, float) else str(value)
