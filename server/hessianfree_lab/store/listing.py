"""Lists of runs: filters, orders, and cursors that stay right while rows come and go."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.lifecycle import State
from hessianfree_lab.records import Page, Run
from hessianfree_lab.store import runs as run_table
from hessianfree_lab.store.interface import RunQuery
from hessianfree_lab.store.tables import runs, summaries, tags
from hessianfree_lab.store.transaction import Transaction

_METRIC = re.compile(r"(?P<metric>.+)\.(?P<which>first|last|min|max)")


@dataclass(frozen=True, kw_only=True)
class _Order:
    """One key, then the id, newest first unless `oldest_first`. Rows without a key come last."""

    name: str  # a cursor of another order is refused
    key: ColumnElement[Any]
    descending: bool = False
    oldest_first: bool = False

    def apply(self, query: Select[Any]) -> Select[Any]:
        key = self.key.desc() if self.descending else self.key
        age = runs.c.id if self.oldest_first else runs.c.id.desc()
        return query.order_by(self.key.is_(None), key, age)

    def after(self, value: Any, run_id: str) -> ColumnElement[bool]:
        """Whether a row comes after the one with this key and id."""
        later = runs.c.id > run_id if self.oldest_first else runs.c.id < run_id
        if value is None:
            return and_(self.key.is_(None), later)
        beyond = self.key < value if self.descending else self.key > value
        return or_(beyond, and_(self.key == value, later), self.key.is_(None))


def find(tx: Transaction, query: RunQuery) -> Page[Run]:
    selected, order = _ordered(query.sort)
    for column, wanted in ((runs.c.problem, query.problem), (runs.c.optimizer, query.optimizer)):
        if wanted is not None:
            selected = selected.where(column == wanted)
    if query.state:
        selected = selected.where(runs.c.state.in_(query.state))
    if query.tag is not None:
        selected = selected.where(
            select(tags.c.run_id).where(tags.c.run_id == runs.c.id, tags.c.tag == query.tag).exists()
        )
    if query.q:
        selected = selected.where(runs.c.name.icontains(query.q, autoescape=True))
    if query.archived is not None:
        selected = selected.where(runs.c.archived.is_(query.archived))
    return _page(tx, selected, order, query.limit, query.cursor)


def queue(tx: Transaction, limit: int, cursor: str | None) -> Page[Run]:
    # One number for (running last, highest priority first): priorities lie within +-1000.
    key = case((runs.c.state == State.QUEUED.value, 0), else_=10_000) - runs.c.priority
    open_states = (State.QUEUED.value, State.RUNNING.value, State.PAUSED.value)
    waiting = runs.c.state.in_(open_states) & (runs.c.kind == "job")
    order = _Order(name="queue", key=key, oldest_first=True)
    return _page(tx, select(runs).where(waiting), order, limit, cursor)


def _ordered(sort: str) -> tuple[Select[Any], _Order]:
    descending, name = sort.startswith("-"), sort.removeprefix("-")
    match name:
        case "created_at":
            # Ids sort by age, and unlike times they are never equal.
            return select(runs), _Order(name=sort, key=runs.c.id, descending=descending)
        case "name":
            return select(runs), _Order(name=sort, key=func.lower(runs.c.name), descending=descending)
        case "state":
            return select(runs), _Order(name=sort, key=runs.c.state, descending=descending)
    found = _METRIC.fullmatch(name)
    if found is None:
        message = (
            f"sort is {sort!r}; it must be created_at, name, state or a metric with .first, .last, .min or .max "
            "(loss.last), with '-' before it for descending order."
        )
        raise InvalidRequest([Fault("sort", message)])
    joined = select(runs).outerjoin(
        summaries, and_(summaries.c.run_id == runs.c.id, summaries.c.metric == found["metric"])
    )
    return joined, _Order(name=sort, key=summaries.c[found["which"]], descending=descending)


def _page(tx: Transaction, selected: Select[Any], order: _Order, limit: int, cursor: str | None) -> Page[Run]:
    selected = order.apply(selected.add_columns(order.key.label("sort_key")))
    if cursor is not None:
        selected = selected.where(order.after(*_read_cursor(cursor, order.name)))
    rows = tx.connection.execute(selected.limit(limit + 1)).all()
    page, more = rows[:limit], len(rows) > limit
    last = _write_cursor(order.name, page[-1].sort_key, page[-1].id) if more else None
    return Page(items=run_table.assemble(tx, page), next_cursor=last)


def _write_cursor(order: str, value: Any, run_id: str) -> str:
    return base64.urlsafe_b64encode(to_json([order, value, run_id])).decode().rstrip("=")


def _read_cursor(cursor: str, order: str) -> tuple[Any, str]:
    try:
        made_for, value, run_id = from_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, binascii.Error) as error:
        raise InvalidRequest([Fault("cursor", f"{cursor!r} is not a cursor this server made.")]) from error
    if made_for != order or not isinstance(run_id, str) or not isinstance(value, str | int | float | None):
        message = f"The cursor was made for the order {made_for!r}; this list is in the order {order!r}."
        raise InvalidRequest([Fault("cursor", message)])
    return value, run_id
