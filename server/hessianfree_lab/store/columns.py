"""Column types that mean the same on every database."""

import re
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import DateTime, Dialect, String, Text, TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in UTC. SQLite keeps no zone: what is stored there is UTC by agreement."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


IN_PLACE_OF_NUL = "\N{REPLACEMENT CHARACTER}"
_NUL = r"\u0000"
# What follows a backslash belongs to it: of two the second one begins nothing.
_ESCAPED = re.compile(r"\\(u0000|.)")


def _without_nul(value: str | None) -> str | None:
    return value.replace("\0", IN_PLACE_OF_NUL) if value and "\0" in value else value


class Words(TypeDecorator[str]):
    """Text of limited length. PostgreSQL has no NUL character in text: none is stored, or looked for, anywhere."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return _without_nul(value)


class Prose(TypeDecorator[str]):
    """Text of any length, without NUL characters as `Words`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return _without_nul(value)


def dump_json(value: Any) -> str:
    """JSON text; non-finite numbers as their wire strings, so that a stored value is what the wire shows.

    NUL characters are replaced, as in `Words`: PostgreSQL keeps a document that has one, and cannot look into it.
    """
    text = to_json(value, inf_nan_mode="strings").decode()
    if _NUL not in text:
        return text
    return _ESCAPED.sub(lambda found: IN_PLACE_OF_NUL if found[0] == _NUL else found[0], text)


def load_json(text: str | bytes) -> Any:
    """The reverse, but that wire strings stay strings: what comes out is on its way to the wire again."""
    return from_json(text)
