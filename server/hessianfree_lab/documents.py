"""YAML as people mean it, read and written."""

import re
from typing import Any

import yaml

from hessianfree_lab.errors import MalformedDocument


class _Loader(yaml.SafeLoader):
    """YAML 1.2's plain scalars, where PyYAML has 1.1's: `1e-3` is a number, `010` ten, `no` a word, `1:30` text.

    Aliases are refused, since a few lines of them stand for gigabytes; so is a key given twice.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML looks for it on the class
        first: [
            (tag, pattern)
            for tag, pattern in known
            if not tag.endswith((":int", ":float", ":bool", ":timestamp"))
        ]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not allowed", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"the key {key.value!r} stands here a second time"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        return super().construct_mapping(node, deep)


def _integer(loader: yaml.SafeLoader, node: Any) -> int:
    return int(loader.construct_scalar(node))


# In this order: what is an integer is no float.
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?((\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|\.(inf|Inf|INF))$|^\.(nan|NaN|NAN)$"),
    list("-+.0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.1 or 1.2 would take for something else; short lists on one line, texts of lines as lines."""

    # SafeDumper knows 1.1's plain scalars; these are the loader's on top, such as `1e-3`.
    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML looks for it on the class
        first: yaml.SafeDumper.yaml_implicit_resolvers.get(first, [])
        + _Loader.yaml_implicit_resolvers.get(first, [])
        for first in {**yaml.SafeDumper.yaml_implicit_resolvers, **_Loader.yaml_implicit_resolvers}
    }

    def ignore_aliases(self, _: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # Line breaks of Unicode's are breaks to YAML 1.1 too, and would be read as a space: they are escaped.
    style = '"' if re.search("[\x85\u2028\u2029]", value) else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _list(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.SequenceNode:
    is_short = not any(isinstance(item, list | dict) for item in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=is_short)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def write_yaml(value: Any) -> str:
    """A JSON value as YAML that `read_yaml` reads back as the same, and readers of YAML 1.1 do."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def positions(text: str) -> dict[str, int]:
    """Where in a YAML text, in characters from 0, each key and each item of a list stands, by its dotted path."""
    found: dict[str, int] = {}

    def visit(node: yaml.Node | None, path: str) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = f"{path}.{key.value}" if path else str(key.value)
                found[inner] = key.start_mark.index
                visit(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for number, item in enumerate(node.value):
                inner = f"{path}.{number}"
                found[inner] = item.start_mark.index
                visit(item, inner)

    visit(yaml.compose(text, Loader=_Loader), "")
    return found


def has_comments(text: str) -> bool:
    """Whether a YAML text, which must be sound, has comments: what stands between its tokens."""
    end = 0
    for token in yaml.scan(text, Loader=_Loader):
        if "#" in text[end : token.start_mark.index]:
            return True
        end = max(end, token.end_mark.index)
    return "#" in text[end:]


def read_yaml(text: str) -> Any:
    """The value that a YAML text (of which JSON is a part) stands for.

    `MalformedDocument` says in a sentence what is wrong, with line and column.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "it cannot be read"
        raise MalformedDocument(
            "YAML", problem, *(() if mark is None else (mark.line + 1, mark.column + 1))
        ) from None
    except yaml.YAMLError as error:
        raise MalformedDocument("YAML", " ".join(str(error).split())) from None
    except RecursionError:
        raise MalformedDocument("YAML", "it is nested too deeply") from None
    except ValueError as error:  # such as the 99th of a month that a tag asks for
        raise MalformedDocument("YAML", str(error)) from None
