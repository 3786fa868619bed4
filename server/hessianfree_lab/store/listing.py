"""Lists of runs: orders, and cursors that stay right while rows come and go."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import BigInteger, ColumnElement, Float, Integer, Select, and_, case, func, or_, select

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.lifecycle import State
from hessianfree_lab.records import Page, Run, RunPage
from hessianfree_lab.store import runs as run_table
from hessianfree_lab.store.columns import UtcDateTime
from hessianfree_lab.store.filters import Clock, NameRefused, meaning, sort_keys
from hessianfree_lab.store.interface import RunQuery, RunSelection
from hessianfree_lab.store.selection import passes
from hessianfree_lab.store.tables import runs
from hessianfree_lab.store.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class _Order:
    """Keys, one after the other, then the id, newest first unless `oldest_first`. Rows without a key come last."""

    name: str  # a cursor of another order is refused
    keys: tuple[ColumnElement[Any], ...]
    descending: bool = False
    oldest_first: bool = False

    def apply(self, query: Select[Any]) -> Select[Any]:
        for key in self.keys:
            query = query.order_by(key.is_(None), key.desc() if self.descending else key)
        return query.order_by(runs.c.id if self.oldest_first else runs.c.id.desc())

    def after(self, values: Sequence[Any], run_id: str) -> ColumnElement[bool]:
        """Whether a row comes after the one with these keys and this id."""
        later: ColumnElement[bool] = runs.c.id > run_id if self.oldest_first else runs.c.id < run_id
        for key, value in reversed([*zip(self.keys, values, strict=True)]):
            if value is None:
                later = and_(key.is_(None), later)
            else:
                beyond = key < value if self.descending else key > value
                later = or_(beyond, and_(key == value, later), key.is_(None))
        return later


def find(tx: Transaction, query: RunQuery) -> RunPage:
    wanted = passes(query, Clock(now=tx.now, lease=tx.lease))
    total = tx.connection.scalar(select(func.count()).select_from(runs).where(wanted)) or 0
    page = _page(tx, select(runs).where(wanted), _order(query.sort), query.limit, query.cursor)
    return RunPage.model_construct(items=page.items, next_cursor=page.next_cursor, total=total)


def ids(tx: Transaction, selection: RunSelection, sort: str, limit: int) -> list[str]:
    wanted = passes(selection, Clock(now=tx.now, lease=tx.lease))
    query = _order(sort).apply(select(runs.c.id).where(wanted))
    return list(tx.connection.scalars(query.limit(limit)))


def queue(tx: Transaction, limit: int, cursor: str | None) -> Page[Run]:
    # One number for (running last, highest priority first): priorities lie within +-1000.
    key = case((runs.c.state == State.QUEUED.value, 0), else_=10_000) - runs.c.priority
    open_states = (State.QUEUED.value, State.RUNNING.value, State.PAUSED.value)
    waiting = runs.c.state.in_(open_states) & (runs.c.kind == "job")
    order = _Order(name="queue", keys=(key,), oldest_first=True)
    return _page(tx, select(runs).where(waiting), order, limit, cursor)


def _order(sort: str) -> _Order:
    try:
        keys = sort_keys(meaning(sort.removeprefix("-")))
    except NameRefused as error:
        raise InvalidRequest([Fault("sort", f"sort is {sort!r}. {error}")]) from None
    return _Order(name=sort, keys=keys, descending=sort.startswith("-"))


def _page(tx: Transaction, selected: Select[Any], order: _Order, limit: int, cursor: str | None) -> Page[Run]:
    named = [key.label(f"sort_key_{index}") for index, key in enumerate(order.keys)]
    selected = order.apply(selected.add_columns(*named))
    if cursor is not None:
        selected = selected.where(order.after(*_read_cursor(cursor, order)))
    rows = tx.connection.execute(selected.limit(limit + 1)).all()
    page, more = rows[:limit], len(rows) > limit
    last = _write_cursor(order, page[-1]) if more else None
    return Page(items=run_table.assemble(tx, page), next_cursor=last)


def _write_cursor(order: _Order, row: Any) -> str:
    values = [getattr(row, f"sort_key_{index}") for index in range(len(order.keys))]
    return base64.urlsafe_b64encode(to_json([order.name, values, row.id])).decode().rstrip("=")


def _read_cursor(cursor: str, order: _Order) -> tuple[list[Any], str]:
    refused = InvalidRequest([Fault("cursor", f"{cursor!r} is not a cursor this server made.")])
    try:
        made_for, values, run_id = from_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if made_for != order.name:
            message = (
                f"The cursor was made for the order {made_for!r}; this list is in the order {order.name!r}."
            )
            raise InvalidRequest([Fault("cursor", message)])
        if not isinstance(run_id, str):
            raise refused
        return [_read_key(value, key) for value, key in zip(values, order.keys, strict=True)], run_id
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        raise refused from error


def _read_key(value: Any, key: ColumnElement[Any]) -> Any:
    """A key as its column has it: a database refuses others, or compares them by rules of its own."""
    match key.type:
        case _ if value is None:
            return None
        case UtcDateTime():
            return datetime.fromisoformat(value).astimezone(UTC)
        case Float() if type(value) in (int, float):
            return float(value)
        case BigInteger() | Integer() as kind if type(value) is int:
            bits = 63 if isinstance(kind, BigInteger) else 31
            if not -(2**bits) <= value < 2**bits:
                raise OverflowError(f"{value} is beyond its column")
            return value
        case Float() | Integer():
            raise TypeError(f"{value!r} is no number")
        case _ if isinstance(value, str):
            return value
        case _:
            raise TypeError(f"{value!r} is no text")
