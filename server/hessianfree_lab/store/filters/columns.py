"""What a name means, in SQL over `runs`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Double,
    Select,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    not_,
    select,
)

from hessianfree_lab.lifecycle import State
from hessianfree_lab.store.filters import settings
from hessianfree_lab.store.filters.names import Kind, Meaning, Metric, NameRefused, Own, Setting
from hessianfree_lab.store.tables import runs, summaries, tags

ColumnOfRun = ColumnElement[Any]

# The share of a budget in steps; without one NULL, as a division by it is.
_PROGRESS = cast(runs.c.step, Double()) / runs.c.steps

PLAIN: dict[str, ColumnOfRun] = {
    **{
        name: runs.c[name]
        for name in ("id", "name", "kind", "problem", "optimizer", "state", "cause", "error")
    },
    **{name: runs.c[name] for name in ("notes", "step", "steps", "seconds", "attempt", "priority")},
    **{name: runs.c[name] for name in ("archived", "pinned")},
    "progress": _PROGRESS,
    "worker": runs.c.worker_id,
    "sweep": runs.c.sweep_id,
    "created": runs.c.created_at,
    "started": runs.c.started_at,
    "ended": runs.c.ended_at,
}


@dataclass(frozen=True, kw_only=True)
class Clock:
    """What "stale" and relative times are measured from."""

    now: datetime
    lease: timedelta


def summary(metric: Metric, *, prefix: str = "") -> ColumnOfRun:
    """One number of a metric's summary; with a prefix of `odd_` its wire string where it is not finite."""
    column = summaries.c[f"{prefix}{metric.which}"]
    return (
        select(column)
        .where(summaries.c.run_id == runs.c.id, summaries.c.metric == metric.metric)
        .correlate(runs)
        .scalar_subquery()
    )


def number(meaning: Own | Metric) -> ColumnOfRun:
    """A number as a float: infinities as such; NaN, and what is missing, NULL."""
    if isinstance(meaning, Own):
        return PLAIN[meaning.name]
    value = summary(meaning)
    if not may_be_odd(meaning):
        return value
    # Bound with their type: PostgreSQL would take them for text.
    infinite: dict[Any, Any] = {
        "Infinity": bindparam(None, float("inf"), Double()),
        "-Infinity": bindparam(None, float("-inf"), Double()),
    }
    return case(infinite, value=summary(meaning, prefix="odd_"), else_=value)


def is_nan(metric: Metric) -> ColumnOfRun:
    return summary(metric, prefix="odd_") == "NaN"


def may_be_odd(metric: Metric) -> bool:
    """Whether the number may be NaN or infinite: a minimum or a maximum is of finite values."""
    return metric.which in ("first", "last")


def has_tag(matches: ColumnElement[bool] | None = None) -> ColumnElement[bool]:
    """Whether some tag of the run matches; without a condition: whether it has any."""
    of_run = tags.c.run_id == runs.c.id
    found: Select[Any] = select(tags.c.run_id).where(of_run if matches is None else and_(of_run, matches))
    return exists(found.correlate(runs))


def is_shown_as(word: str, clock: Clock) -> ColumnElement[bool]:
    """Whether the state, as it is shown or stored, or the cause of a failure is this word."""
    running, stopping, pausing = runs.c.state == State.RUNNING, runs.c.stop_requested, runs.c.pause_requested
    match word:
        case "stopping":
            return and_(running, stopping)
        case "pausing":
            return and_(running, not_(stopping), pausing)
        case "stale":
            silent = runs.c.heard_at < literal(clock.now - clock.lease, runs.c.heard_at.type)
            return and_(running, not_(stopping), not_(pausing), silent)
    if word in set(State):
        return runs.c.state == word
    return and_(runs.c.state == State.FAILED, runs.c.cause == word)


def sort_keys(meaning: Meaning) -> tuple[ColumnOfRun, ...]:
    """What to order by, one after the other; each NULL where there is nothing; `NameRefused`: no order."""
    match meaning:
        case Setting(path=path):
            # What is a number stands before what is text, and text before yes and no.
            flag = case({True: 1, False: 0}, value=settings.flag_at(path))
            return settings.number_at(path), settings.written_at(path), flag
        case Metric():
            return (summary(meaning),)
        case Own(name="created"):
            return (runs.c.id,)  # ids sort by age, and unlike times they are never equal
        case Own(name="name"):
            return (func.lower(runs.c.name, type_=runs.c.name.type),)
        case Own(kind=Kind.TAG):
            raise NameRefused("A run may have several tags: there is no order by them.")
        case Own(kind=Kind.FLAG, name=name):
            return (case((PLAIN[name], 1), else_=0),)
        case Own(name=name):
            return (PLAIN[name],)
