"""From the tree of a filter to a condition in SQL, which is true or false of every run, never NULL.

What a comparison means is in docs/filters.md. A value that is missing equals nothing but null; `!=` is the opposite
of `=`.
"""

import math
import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, literal, not_, or_

from hessianfree_lab.lifecycle import Cause, State
from hessianfree_lab.records import encode
from hessianfree_lab.store.filters import columns, settings
from hessianfree_lab.store.filters.columns import PLAIN, Clock
from hessianfree_lab.store.filters.names import Kind, Metric, NameRefused, Own, Setting, meaning
from hessianfree_lab.store.filters.parser import filter_error
from hessianfree_lab.store.filters.syntax import And, Comparison, Node, Not, Or, Value
from hessianfree_lab.store.tables import runs, tags

Condition = ColumnElement[bool]

MISSING = ("null", "missing")
STATES = (*State, "stale", "stopping", "pausing", *Cause)
_FLAGS = {"true": True, "yes": True, "false": False, "no": False}
_ODD = {"nan": math.nan, "inf": math.inf, "infinity": math.inf, "-inf": -math.inf, "-infinity": -math.inf}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_AGO = re.compile(r"(\d+(?:\.\d+)?)(s|min|h|d|w)")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST_DAYS = 36_500
_ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def condition(tree: Node, clock: Clock) -> Condition:
    """The condition on `runs`; `InvalidRequest` with the path "filter" where a comparison makes no sense."""
    match tree:
        case And(parts=parts):
            return and_(*(condition(part, clock) for part in parts))
        case Or(parts=parts):
            return or_(*(condition(part, clock) for part in parts))
        case Not(part=part):
            return not_(condition(part, clock))
        case Comparison(operator="!="):
            return not_(_comparison(tree, "=", clock))
        case Comparison():
            return _comparison(tree, tree.operator, clock)


def _comparison(tree: Comparison, sign: str, clock: Clock) -> Condition:
    try:
        what = meaning(tree.name)
    except NameRefused as error:
        raise filter_error(str(error), tree.at) from None
    is_null = not tree.value.quoted and tree.value.text.lower() in MISSING
    if is_null and sign != "=":
        raise filter_error(f"{tree.value.text} can only be compared by = and !=.", tree.value.at)
    match what:
        case Setting(path=path):
            found = not_(settings.is_there(path)) if is_null else _of_setting(path, sign, tree.value)
        case Own(kind=Kind.TAG):
            found = not_(columns.has_tag()) if is_null else columns.has_tag(_of_text(tags.c.tag, sign, tree))
        case Metric():
            found = _no_number(what) if is_null else _of_number(what, sign, tree)
        case Own(name=name) if is_null:
            found = PLAIN[name].is_(None)
        case Own(kind=Kind.STATE):
            found = _of_state(sign, tree, clock)
        case Own(kind=Kind.TIME, name=name):
            found = _of_time(PLAIN[name], sign, tree, clock)
        case Own(kind=Kind.FLAG, name=name):
            found = _of_flag(PLAIN[name], sign, tree)
        case Own(kind=Kind.NUMBER):
            found = _of_number(what, sign, tree)
        case Own(name=name):
            found = _of_text(PLAIN[name], sign, tree)
    return func.coalesce(found, false())


def _of_text(column: ColumnElement[Any], sign: str, tree: Comparison) -> Condition:
    if sign == ":":
        return column.icontains(tree.value.text, autoescape=True)
    _only(("=",), sign, tree, "text")
    return column == tree.value.text


def _of_state(sign: str, tree: Comparison, clock: Clock) -> Condition:
    _only(("=",), sign, tree, "a state")
    word = tree.value.text.lower()
    if word not in STATES:
        raise filter_error(f"{word!r} is no state; there are {', '.join(STATES)}.", tree.value.at)
    return columns.is_shown_as(word, clock)


def _of_flag(column: ColumnElement[Any], sign: str, tree: Comparison) -> Condition:
    _only(("=",), sign, tree, "true or false")
    wanted = _FLAGS.get(tree.value.text.lower())
    if wanted is None:
        message = f"{tree.name} is true or false; {tree.value.text!r} is neither."
        raise filter_error(message, tree.value.at)
    return column.is_(wanted)


def _of_time(column: ColumnElement[Any], sign: str, tree: Comparison, clock: Clock) -> Condition:
    _only(tuple(_ORDERS), sign, tree, "a time")
    return _ORDERS[sign](column, literal(_moment(tree, clock.now), runs.c.created_at.type))  # type: ignore[no-any-return]


def _of_number(what: Own | Metric, sign: str, tree: Comparison) -> Condition:
    _only(("=", *_ORDERS), sign, tree, "a number")
    wanted = _number(tree.value)
    if wanted is None:
        message = f"{tree.name} is a number; {tree.value.text!r} is none."
        raise filter_error(message, tree.value.at)
    if math.isnan(wanted):
        _only(("=",), sign, tree, "a number, and nan is neither below nor above one: it")
        return columns.is_nan(what) if isinstance(what, Metric) and columns.may_be_odd(what) else false()
    return _compared(columns.number(what), sign, wanted)


def _no_number(metric: Metric) -> Condition:
    nothing = columns.summary(metric).is_(None)
    if not columns.may_be_odd(metric):
        return nothing
    return and_(nothing, columns.summary(metric, prefix="odd_").is_(None))


def _of_setting(path: tuple[str, ...], sign: str, value: Value) -> Condition:
    """A value of the specification may be anything: what it is compared with says of which kind it must be."""
    if sign == ":":
        return settings.written_at(path).icontains(value.text, autoescape=True)
    number = None if value.quoted else _number(value)
    if sign in _ORDERS:
        if number is None or math.isnan(number):
            raise filter_error(f"a number was expected after '{sign}', not {value.text!r}.", value.at)
        return _compared(settings.number_at(path), sign, number)
    if number is not None and math.isfinite(number):
        return settings.number_at(path) == number
    if number is not None:
        return settings.text_at(path) == str(encode(number))
    if not value.quoted and value.text.lower() in ("true", "false"):
        return settings.flag_at(path).is_(_FLAGS[value.text.lower()])
    return settings.written_at(path) == value.text


def _compared(column: ColumnElement[Any], sign: str, wanted: float) -> Condition:
    bound = literal(wanted, settings.NumberAt.type)
    return column == bound if sign == "=" else _ORDERS[sign](column, bound)


def _only(allowed: tuple[str, ...], sign: str, tree: Comparison, what: str) -> None:
    if sign in allowed:
        return
    may = [*allowed, *(["!="] if "=" in allowed else []), *([":"] if what == "text" else [])]
    raise filter_error(f"{tree.name} is {what}; it can be compared by {' '.join(may)}.", tree.at)


def _number(value: Value) -> float | None:
    text = value.text.lower()
    if text in _ODD:
        return _ODD[text]
    return float(text) if _NUMBER.fullmatch(text) else None


def _moment(tree: Comparison, now: datetime) -> datetime:
    """`2d` is the moment two days ago; a date is its first moment, in UTC unless it says otherwise."""
    text = tree.value.text
    if (ago := _AGO.fullmatch(text)) is not None:
        seconds = float(ago[1]) * _SECONDS[ago[2]]
        return now - timedelta(seconds=min(seconds, _LONGEST_DAYS * _SECONDS["d"]))
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        message = (
            f"{text!r} is no time; write 30min, 2h, 2d, 1w for that long ago, 2026-03-01, or "
            '"2026-03-01 12:30" in UTC.'
        )
        raise filter_error(message, tree.value.at) from None
