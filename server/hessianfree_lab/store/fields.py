"""What filters, orders and columns can ask for."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import select

from hessianfree_lab.records.table import FieldInfo, RunFields
from hessianfree_lab.store.filters.names import ALIASES, OWN, SPEC, WHICH, is_part
from hessianfree_lab.store.removals import IS_THERE
from hessianfree_lab.store.tables import runs, summaries, tags
from hessianfree_lab.store.transaction import Transaction

YOUNGEST = 500
"""Runs whose metrics and settings are looked at."""
_MOST_NAMES = 500
_KINDS = ((bool, "flag"), (int, "number"), (float, "number"), (str, "text"))


def find(tx: Transaction) -> RunFields:
    young = tx.connection.execute(
        select(runs.c.id, runs.c.spec).where(IS_THERE).order_by(runs.c.id.desc()).limit(YOUNGEST)
    ).all()
    ids = [row.id for row in young]
    measured = tx.connection.execute(
        select(summaries.c.metric, summaries.c.kind)
        .where(summaries.c.run_id.in_(ids), summaries.c.kind == "number")
        .distinct()
        .order_by(summaries.c.metric)
        .limit(_MOST_NAMES)
    )
    kinds: dict[str, str] = {}
    for row in reversed(young):
        kinds |= dict(_settings(row.spec, ""))
    settings = [FieldInfo(name=name, kind=kind) for name, kind in sorted(kinds.items())]
    return RunFields(
        columns=[FieldInfo(name=own.name, kind=own.kind, help=own.help) for own in OWN.values()],
        metrics=[FieldInfo(name=row.metric, kind=row.kind) for row in measured],
        settings=settings[:_MOST_NAMES],
        problems=_values(tx, runs.c.problem),
        optimizers=_values(tx, runs.c.optimizer),
        tags=_values(tx, tags.c.tag),
    )


def _values(tx: Transaction, column: Any) -> list[str]:
    return list(tx.connection.scalars(select(column).distinct().order_by(column).limit(_MOST_NAMES)))


def _settings(part: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """The paths of a specification that lead to a value, and its kind; what is null tells no kind."""
    for key, value in part.items():
        if not is_part(key):
            continue
        name = f"{path}{key}"
        if isinstance(value, Mapping):
            yield from _settings(value, f"{name}.")
        elif name not in OWN and name not in ALIASES and value is not None:
            # A key that looks like a metric is told from one by what stands before it.
            named = f"{SPEC}{name}" if "." in name and key in WHICH else name
            yield named, next((word for kind, word in _KINDS if isinstance(value, kind)), "list")
