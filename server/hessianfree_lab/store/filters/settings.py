"""Values of the specification in SQL: JSON that may hold anything at a path, read alike by every database.

Each expression is NULL where there is nothing of its kind. The path is a bound parameter: no text of a user's
ever becomes part of a statement.
"""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, Double, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from hessianfree_lab.store.columns import Prose
from hessianfree_lab.store.tables import runs

_LARGEST = "1.7976931348623157e308"  # an integer beyond all floats is no number here


class _AtPath(FunctionElement[Any]):
    """`spec` at a path, cast to one type."""

    inherit_cache = True


class NumberAt(_AtPath):
    name = "number_at"
    type = Double()
    inherit_cache = True


class TextAt(_AtPath):
    """Text as it is."""

    name = "text_at"
    type = Prose()
    inherit_cache = True


class WrittenAt(_AtPath):
    """Text as it is; lists and mappings as JSON."""

    name = "written_at"
    type = Prose()
    inherit_cache = True


class FlagAt(_AtPath):
    name = "flag_at"
    type = Boolean()
    inherit_cache = True


class IsThere(_AtPath):
    """Whether there is anything but null."""

    name = "is_there"
    type = Boolean()
    inherit_cache = True


def number_at(path: tuple[str, ...]) -> ColumnElement[float]:
    return NumberAt(runs.c.spec, *_ways(path))


def text_at(path: tuple[str, ...]) -> ColumnElement[str]:
    return TextAt(runs.c.spec, *_ways(path))


def written_at(path: tuple[str, ...]) -> ColumnElement[str]:
    return WrittenAt(runs.c.spec, *_ways(path))


def flag_at(path: tuple[str, ...]) -> ColumnElement[bool]:
    return FlagAt(runs.c.spec, *_ways(path))


def is_there(path: tuple[str, ...]) -> ColumnElement[bool]:
    return IsThere(runs.c.spec, *_ways(path))


def _ways(path: tuple[str, ...]) -> tuple[ColumnElement[str], ColumnElement[str]]:
    """The path as SQLite writes it and as PostgreSQL does; a statement takes the one it needs."""
    for_sqlite = "$" + "".join(f'."{part}"' for part in path)
    for_postgres = "{" + ",".join(f'"{part}"' for part in path) + "}"
    return bindparam(None, for_sqlite, Text()), bindparam(None, for_postgres, Text())


def _pieces(element: _AtPath, compiler: SQLCompiler, **options: Any) -> tuple[str, str, str]:
    spec, for_sqlite, for_postgres = element.clauses
    if compiler.dialect.name == "sqlite":
        path = compiler.process(for_sqlite, **options)
        document = compiler.process(spec, **options)
        return f"json_type({document}, {path})", f"json_extract({document}, {path})", ""
    path = compiler.process(for_postgres, **options)
    document = f"({compiler.process(spec, **options)} #> CAST({path} AS text[]))"
    return f"json_typeof({document})", f"({document} #>> '{{}}')", document


@compiles(NumberAt)
def _number(element: NumberAt, compiler: SQLCompiler, **options: Any) -> str:
    kind, value, _ = _pieces(element, compiler, **options)
    if compiler.dialect.name == "sqlite":
        within = f"{value} BETWEEN -{_LARGEST} AND {_LARGEST}"
        return f"CASE WHEN {kind} IN ('integer', 'real') AND {within} THEN CAST({value} AS REAL) END"
    within = f"CAST({value} AS numeric) BETWEEN -{_LARGEST} AND {_LARGEST}"
    number = f"CASE WHEN {within} THEN CAST({value} AS double precision) END"
    return f"CASE WHEN {kind} = 'number' THEN {number} END"


@compiles(TextAt)
def _text(element: TextAt, compiler: SQLCompiler, **options: Any) -> str:
    kind, value, _ = _pieces(element, compiler, **options)
    return f"CASE WHEN {kind} IN ('text', 'string') THEN {value} END"


@compiles(WrittenAt)
def _written(element: WrittenAt, compiler: SQLCompiler, **options: Any) -> str:
    kind, value, _ = _pieces(element, compiler, **options)
    return f"CASE WHEN {kind} IN ('text', 'string', 'array', 'object') THEN {value} END"


@compiles(FlagAt)
def _flag(element: FlagAt, compiler: SQLCompiler, **options: Any) -> str:
    kind, value, _ = _pieces(element, compiler, **options)
    if compiler.dialect.name == "sqlite":
        return f"CASE {kind} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"
    return f"CASE WHEN {kind} = 'boolean' THEN CAST({value} AS boolean) END"


@compiles(IsThere)
def _there(element: IsThere, compiler: SQLCompiler, **options: Any) -> str:
    kind, _, _ = _pieces(element, compiler, **options)
    return f"(coalesce({kind}, 'null') <> 'null')"
