"""Runs by what they share, and how their numbers are spread."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Scalar
from hessianfree_lab.records.table import RunGroup, RunGroups, Spread
from hessianfree_lab.store.filters import (
    And,
    Clock,
    Comparison,
    Metric,
    NameRefused,
    Node,
    Own,
    Setting,
    Value,
    columns,
    meaning,
    settings,
)
from hessianfree_lab.store.filters.names import Kind
from hessianfree_lab.store.interface import RunSelection
from hessianfree_lab.store.selection import passes
from hessianfree_lab.store.tables import runs, tags
from hessianfree_lab.store.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class _Key:
    """How to read the value that a group shares, and how to say it in a filter."""

    parts: tuple[ColumnElement[Any], ...]
    read: Callable[[Sequence[Any]], Scalar]


def find(
    tx: Transaction, selection: RunSelection, by: str, names: Sequence[str], sort: str, limit: int
) -> RunGroups:
    key = _key(by)
    numbers = [_number(name) for name in names]
    query = select(*key.parts, *numbers).select_from(runs).where(passes(selection, _clock(tx)))
    if ALL_TAGS.get(by):
        query = query.outerjoin(tags, tags.c.run_id == runs.c.id)
    members: dict[Scalar, list[Sequence[Any]]] = defaultdict(list)
    kinds: dict[Scalar, Scalar] = {}
    split = len(key.parts)
    for row in tx.connection.execute(query):
        value = key.read(row[:split])
        # True is 1 as a key of a dictionary, and not as a value.
        label = f"{type(value).__name__} {value}" if isinstance(value, bool) else value
        kinds[label] = value
        members[label].append(row[split:])
    groups = [
        RunGroup(
            key=kinds[label],
            filter=str(_named(by, kinds[label])),
            count=len(rows),
            values={name: spread(row[index] for row in rows) for index, name in enumerate(names)},
        )
        for label, rows in members.items()
    ]
    return RunGroups(items=_sorted(groups, sort, names)[:limit], total=len(groups))


ALL_TAGS = {"tag": True, "tags": True}
"""Names by which a run is in several groups."""


def spread(values: Iterable[float | None]) -> Spread:
    """Mean and deviation of those that are finite, in two passes: nearly equal losses keep theirs."""
    finite = [float(value) for value in values if value is not None and math.isfinite(value)]
    if not finite:
        return Spread(count=0)
    # In units of a power of two, which costs no digit: the largest floats have no sum and no squares.
    unit = math.frexp(max(map(abs, finite)))[1]
    scaled = [math.ldexp(value, -unit) for value in finite]
    mean = math.fsum(scaled) / len(scaled)
    squares = math.fsum((value - mean) ** 2 for value in scaled)
    std = math.sqrt(squares / (len(scaled) - 1)) if len(scaled) > 1 else None
    return Spread(
        count=len(finite),
        mean=math.ldexp(mean, unit),
        std=None if std is None else 2 * math.ldexp(std, unit - 1),  # it may be infinite, as no mean can be
        min=min(finite),
        max=max(finite),
    )


def _clock(tx: Transaction) -> Clock:
    return Clock(now=tx.now, lease=tx.lease)


def _key(by: str) -> _Key:
    try:
        what = meaning(by)
    except NameRefused as error:
        raise InvalidRequest([Fault("by", f"by is {by!r}. {error}")]) from None
    match what:
        case Setting(path=path):
            parts = (settings.number_at(path), settings.written_at(path), settings.flag_at(path))
            return _Key(parts=parts, read=_first)
        case Metric():
            return _Key(parts=(columns.summary(what),), read=_first)
        case Own(kind=Kind.TAG):
            return _Key(parts=(tags.c.tag,), read=_first)
        case Own(kind=Kind.TIME, name=name):
            return _Key(parts=(columns.PLAIN[name],), read=_day)
        case Own(name=name):
            return _Key(parts=(columns.PLAIN[name],), read=_first)


def _first(parts: Sequence[Any]) -> Scalar:
    return next((part for part in parts if part is not None), None)


def _day(parts: Sequence[Any]) -> Scalar:
    moment: datetime | None = parts[0]
    return None if moment is None else moment.astimezone(UTC).date().isoformat()


def _named(by: str, key: Scalar) -> Node:
    """The filter that the runs of a group pass, and no others of the selection."""
    what = meaning(by)
    if key is not None and isinstance(what, Own) and what.kind is Kind.TIME:
        following = datetime.fromisoformat(str(key)) + timedelta(days=1)
        since = Comparison(name=by, operator=">=", value=Value(text=str(key)))
        until = Comparison(name=by, operator="<", value=Value(text=following.date().isoformat()))
        return And(parts=(since, until))
    match key:
        case None:
            value = Value(text="null")
        case bool():
            value = Value(text=str(key).lower())
        case str():
            value = Value(text=key, quoted=True)
        case _:
            value = Value(text=repr(key))
    return Comparison(name=by, operator="=", value=value)


def _number(name: str) -> ColumnElement[Any]:
    """A number of each run; `InvalidRequest` where the name is not of one."""
    try:
        what = meaning(name)
    except NameRefused as error:
        raise InvalidRequest([Fault("metrics", str(error))]) from None
    match what:
        case Metric():
            return columns.summary(what)
        case Setting(path=path):
            return settings.number_at(path)
        case Own(kind=Kind.NUMBER):
            return columns.PLAIN[name]
        case _:
            message = f"{name!r} is {what.kind}; a mean is of numbers: of a metric (loss.min) or a setting."
            raise InvalidRequest([Fault("metrics", message)])


def _sorted(groups: list[RunGroup], sort: str, names: Sequence[str]) -> list[RunGroup]:
    """By `key`, `count`, or the mean of one of the numbers; what has none comes last."""
    wanted, descending = sort.removeprefix("-"), sort.startswith("-")
    if wanted not in ("key", "count", *names):
        allowed = ", ".join(("key", "count", *names))
        raise InvalidRequest([Fault("sort", f"sort is {sort!r}; groups can be sorted by {allowed}.")])

    def value(group: RunGroup) -> Any:
        if wanted == "key":
            return group.key
        return group.count if wanted == "count" else group.values[wanted].mean

    def place(group: RunGroup) -> tuple[str, Any]:
        found = value(group)
        is_text = isinstance(found, str)
        return ("text" if is_text else "number", found)

    there = [group for group in groups if value(group) is not None]
    return sorted(there, key=place, reverse=descending) + [group for group in groups if value(group) is None]
