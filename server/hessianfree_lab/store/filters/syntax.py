"""A filter as a tree, and as the text that it is written as. Nothing here knows of databases.

    either     := both ("or" both)*
    both       := one ("and" one)*
    one        := "not" one | "(" either ")" | comparison
    comparison := name operator value          operator: = != < <= > >= :
    name       := word | quoted                value: word | quoted

`not` binds closer than `and`, which binds closer than `or`.
"""

import re
from dataclasses import dataclass, field

OPERATORS = ("=", "!=", "<", "<=", ">", ">=", ":")
RESERVED = frozenset({"and", "or", "not"})
WORD = re.compile(r"[^\s()=!<>:\"']+")
"""What may stand without quotes, unless it is reserved."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """What is compared with. In quotes it is text, whatever it looks like. `at`: where it stands, from 0."""

    text: str
    quoted: bool = False
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return _quoted(self.text) if self.quoted else self.text


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`name operator value`; `at`: where the name stands, from 0."""

    name: str
    operator: str
    value: Value
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{written(self.name)} {self.operator} {self.value}"


@dataclass(frozen=True, kw_only=True)
class Not:
    part: "Node"

    def __str__(self) -> str:
        return f"not {_bracketed(self.part, And, Or)}"


@dataclass(frozen=True, kw_only=True)
class And:
    """All of at least two."""

    parts: tuple["Node", ...]

    def __str__(self) -> str:
        return " and ".join(_bracketed(part, And, Or) for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class Or:
    """Any of at least two."""

    parts: tuple["Node", ...]

    def __str__(self) -> str:
        return " or ".join(_bracketed(part, Or) for part in self.parts)


Node = Comparison | Not | And | Or


def written(text: str) -> str:
    """A name or a value as a word where it can be one, in quotes where it cannot."""
    return text if WORD.fullmatch(text) and text.lower() not in RESERVED else _quoted(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _bracketed(part: Node, *kinds: type[And] | type[Or]) -> str:
    return f"({part})" if isinstance(part, kinds) else str(part)
