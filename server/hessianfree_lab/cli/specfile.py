"""Job files: YAML or JSON, from a path or standard input, with changes from the command line."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hessianfree_lab.documents import read_yaml
from hessianfree_lab.errors import Fault, InvalidRequest, MalformedDocument

MAX_BYTES = 1024 * 1024


def read_spec(source: str, changes: Iterable[str] = ()) -> dict[str, Any]:
    """The job in the file `source` (`-`: standard input), with `a.b=value` changes applied in order.

    Raises `InvalidRequest` when it cannot be read, is not YAML (of which JSON is a part), or is not a mapping. What
    the keys mean is the server's to check.
    """
    name = "standard input" if source == "-" else source
    spec = _parse(_read(source, name), name)
    if not isinstance(spec, dict):
        raise _fault(f"{name} must hold a mapping (problem: ..., optimizer: ...), not {_kind(spec)}.")
    for change in changes:
        _apply(spec, change)
    return spec


def read_changes(changes: Iterable[str]) -> dict[str, Any]:
    """A mapping of `a.b=value` changes alone. Raises `InvalidRequest` for one that does not look like that."""
    found: dict[str, Any] = {}
    for change in changes:
        _apply(found, change)
    return found


def _read(source: str, name: str) -> str:
    try:
        if source == "-":
            return sys.stdin.read()
        path = Path(source)
        if path.stat().st_size > MAX_BYTES:
            raise _fault(f"{name} is larger than {MAX_BYTES} bytes: it cannot be a job.")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise _fault(f"{name} cannot be read: {(error.strerror or str(error)).lower()}.") from None
    except UnicodeDecodeError:
        raise _fault(f"{name} is not text in UTF-8.") from None


def _parse(text: str, name: str) -> Any:
    try:
        return read_yaml(text)
    except MalformedDocument as error:
        raise _fault(f"{name}: {error}") from None


def _apply(spec: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise _fault(f"{change!r} must look like budget.steps=50.")
    place = spec
    for depth, name in enumerate(path[:-1], start=1):
        inner = place.setdefault(name, {})
        if inner is None:  # `budget:` with nothing after it
            inner = place[name] = {}
        if not isinstance(inner, dict):
            raise _fault(f"{change!r} cannot work: {'.'.join(path[:depth])} is {inner!r}, not a mapping.")
        place = inner
    place[path[-1]] = _parse(text, repr(change))


def _kind(value: Any) -> str:
    return {list: "a list", str: "a text", type(None): "nothing"}.get(type(value), "a number")


def _fault(message: str) -> InvalidRequest:
    return InvalidRequest([Fault("", message)])
