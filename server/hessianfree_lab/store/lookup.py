"""Which rows are there already."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, select

from hessianfree_lab.store.transaction import Transaction

_AT_ONCE = 500
"""Keys in one lookup: well below what any database allows in a statement."""


def known(
    tx: Transaction, table: Table[Any], column: str, run_id: str, wanted: Sequence[int], **more: int
) -> set[int]:
    """Which of these numbers the run has rows for."""
    found: set[int] = set()
    for start in range(0, len(wanted), _AT_ONCE):
        query = select(table.c[column]).where(
            table.c.run_id == run_id, table.c[column].in_(wanted[start : start + _AT_ONCE])
        )
        for name, value in more.items():
            query = query.where(table.c[name] == value)
        found.update(tx.connection.scalars(query))
    return found
