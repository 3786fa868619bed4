"""Job files: YAML or JSON, from a path or standard input, with changes from the command line."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from hessianfree_lab.errors import Fault, InvalidRequest

MAX_BYTES = 1024 * 1024


class Loader(yaml.SafeLoader):
    """YAML 1.2's idea of plain scalars, where PyYAML's is 1.1's: `1e-3` is a number, `no` a word, a date a string."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML looks for it on the class
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if not tag.endswith((":float", ":bool", ":timestamp"))
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


# After int, which stays first: what is an int is no float.
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?((\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|\.(inf|Inf|INF))$|^\.(nan|NaN|NAN)$"),
    list("-+.0123456789"),
)
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


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
        return yaml.load(text, Loader=Loader)
    except yaml.YAMLError as error:
        raise _fault(f"{name} is not valid YAML: {_place(error)}.") from None
    except RecursionError:
        raise _fault(f"{name} is nested too deeply.") from None


def _place(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem or error.context}"
    return " ".join(str(error).split())


def _apply(spec: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise _fault(f"--set {change!r} must look like budget.steps=50.")
    place = spec
    for depth, name in enumerate(path[:-1], start=1):
        inner = place.setdefault(name, {})
        if inner is None:  # `budget:` with nothing after it
            inner = place[name] = {}
        if not isinstance(inner, dict):
            raise _fault(
                f"--set {change!r} cannot work: {'.'.join(path[:depth])} is {inner!r}, not a mapping."
            )
        place = inner
    place[path[-1]] = _parse(text, f"--set {change!r}")


def _kind(value: Any) -> str:
    return {list: "a list", str: "a text", type(None): "nothing"}.get(type(value), "a number")


def _fault(message: str) -> InvalidRequest:
    return InvalidRequest([Fault("", message)])
