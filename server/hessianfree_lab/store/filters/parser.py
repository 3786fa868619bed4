"""From the text of a filter to its tree, by recursive descent; syntax.py has the grammar."""

import re
from dataclasses import dataclass
from typing import Literal

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.store.filters.syntax import (
    OPERATORS,
    RESERVED,
    WORD,
    And,
    Comparison,
    Node,
    Not,
    Or,
    Value,
)

MOST_CHARACTERS = 2_000
MOST_COMPARISONS = 100
DEEPEST = 32

_TOKEN = re.compile(
    rf"""(?P<open>\()|(?P<close>\))|(?P<operator><=|>=|!=|==|[=<>:])
    |(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<word>{WORD.pattern})""",
    re.VERBOSE | re.DOTALL,
)
_SPACE = re.compile(r"\s*")
_EXAMPLE = "loss.min < 0.1"


@dataclass(frozen=True, kw_only=True)
class Token:
    """A piece of the text: `at` from 0, `text` as it is meant, without quotes."""

    kind: Literal["open", "close", "operator", "quoted", "word", "and", "or", "not", "end"]
    text: str
    at: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else repr(self.text)


def filter_error(message: str, at: int) -> InvalidRequest:
    """What is wrong with a filter, and the character, from 0, where that shows."""
    return InvalidRequest([Fault("filter", f"At character {at + 1}: {message}", position=at)])


def parse(text: str) -> Node:
    """The tree of a filter; `InvalidRequest` with the path "filter" says where it is none, and what was expected."""
    if len(text) > MOST_CHARACTERS:
        message = f"the filter has {len(text)} characters; at most {MOST_CHARACTERS} are allowed."
        raise filter_error(message, MOST_CHARACTERS)
    return _Parser(_tokens(text)).parse()


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    position = _end_of_space(text, 0)
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise filter_error(_about_character(text[position]), position)
        found.append(_token(match))
        position = _end_of_space(text, match.end())
    return [*found, Token(kind="end", text="", at=len(text))]


def _end_of_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _about_character(character: str) -> str:
    if character in "\"'":
        return f"the quote {character} is never closed."
    return f"{character!r} means nothing here. Operators are {' '.join(OPERATORS)}."


def _token(match: re.Match[str]) -> Token:
    kind, text = match.lastgroup, match.group()
    if kind == "quoted":
        text = re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    elif kind == "word" and text.lower() in RESERVED:
        kind = text.lower()
    elif text == "==":
        text = "="
    return Token(kind=kind, text=text, at=match.start())  # type: ignore[arg-type]


class _Parser:
    """Goes through the tokens once; each method reads one rule of the grammar."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0
        self._comparisons = 0

    def parse(self) -> Node:
        tree = self._either()
        rest = self._peek()
        if rest.kind == "close":
            raise filter_error("this ')' closes nothing.", rest.at)
        if rest.kind != "end":
            raise filter_error(f"'and' or 'or' was expected, not {rest}.", rest.at)
        return tree

    def _either(self) -> Node:
        parts = [self._both()]
        while self._accept("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(parts=tuple(parts))

    def _both(self) -> Node:
        parts = [self._one()]
        while self._accept("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(parts=tuple(parts))

    def _one(self) -> Node:
        token = self._peek()
        if token.kind not in ("not", "open"):
            return self._comparison()
        self._depth += 1
        if self._depth > DEEPEST:
            raise filter_error(f"'not' and parentheses lie in one another at most {DEEPEST} deep.", token.at)
        self._take()
        inner = Not(part=self._one()) if token.kind == "not" else self._in_brackets(token)
        self._depth -= 1
        return inner

    def _in_brackets(self, opening: Token) -> Node:
        inner = self._either()
        if not self._accept("close"):
            found = self._peek()
            message = f"')' was expected, not {found}: the '(' at character {opening.at + 1} is still open."
            raise filter_error(message, found.at)
        return inner

    def _comparison(self) -> Comparison:
        name = self._take()
        if name.kind not in ("word", "quoted"):
            raise filter_error(f"a comparison such as {_EXAMPLE} was expected, not {name}.", name.at)
        self._comparisons += 1
        if self._comparisons > MOST_COMPARISONS:
            raise filter_error(f"a filter has at most {MOST_COMPARISONS} comparisons.", name.at)
        operator = self._take()
        if operator.kind != "operator":
            allowed = " ".join(OPERATORS)
            raise filter_error(
                f"one of {allowed} was expected after {name.text!r}, not {operator}.", operator.at
            )
        value = self._take()
        if value.kind in RESERVED:
            message = f"a value was expected after '{operator.text}'; the word {value.text!r} needs quotes."
            raise filter_error(message, value.at)
        if value.kind not in ("word", "quoted"):
            raise filter_error(f"a value was expected after '{operator.text}', not {value}.", value.at)
        meant = Value(text=value.text, quoted=value.kind == "quoted", at=value.at)
        return Comparison(name=name.text, operator=operator.text, value=meant, at=name.at)

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        if token.kind != "end":
            self._next += 1
        return token

    def _accept(self, kind: str) -> bool:
        if self._peek().kind != kind:
            return False
        self._next += 1
        return True
