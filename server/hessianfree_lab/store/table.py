"""What the runs table asks of the store beside its pages. The docstrings are the contract, as in interface."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from sqlalchemy import delete, insert, select, update

from hessianfree_lab.errors import RecordNotFound
from hessianfree_lab.records.table import Action, NewView, Refusal, RunFields, RunGroups, View
from hessianfree_lab.store import actions, fields, groups, listing
from hessianfree_lab.store.ids import IdFactory
from hessianfree_lab.store.interface import RunSelection
from hessianfree_lab.store.tables import views
from hessianfree_lab.store.transaction import Transaction

_AT_ONCE = 50
"""Runs that one transaction changes: whoever records waits for no more of them."""

Transactions = Callable[[], AbstractContextManager[Transaction]]


class RunTable:
    """Groups, fields, actions on many runs, and saved views."""

    def __init__(self, write: Transactions, read: Transactions, new_id: IdFactory) -> None:
        self._write, self._read = write, read
        self._new_id = new_id

    def groups(
        self,
        selection: RunSelection,
        by: str,
        *,
        metrics: Sequence[str] = (),
        sort: str = "key",
        limit: int = 200,
    ) -> RunGroups:
        """The runs by the value of `by`, any name of a filter (times by their day, in UTC), with the spread of numbers.

        `sort`: `key`, `count` or one of `metrics` (by its mean); `-` before it: descending. A run is in the group of
        each of its tags. `InvalidRequest` for names that mean nothing.
        """
        with self._read() as tx:
            return groups.find(tx, selection, by, metrics, sort, limit)

    def fields(self) -> RunFields:
        """Every name that can be asked for; metrics and settings as the youngest 500 runs have them."""
        with self._read() as tx:
            return fields.find(tx)

    def ids(self, selection: RunSelection, limit: int, *, sort: str = "-created") -> list[str]:
        """The runs that pass, in the order of a list of them, `limit` at most."""
        with self._read() as tx:
            return listing.ids(tx, selection, sort, limit)

    def act(
        self,
        run_ids: Sequence[str],
        action: Action,
        *,
        tags: Sequence[str] = (),
        requested_by: str | None = None,
    ) -> list[Refusal]:
        """Do it to each run, in several transactions; those that could not, and why. What is done twice is no error."""
        refused: list[Refusal] = []
        wanted = list(dict.fromkeys(run_ids))
        for start in range(0, len(wanted), _AT_ONCE):
            with self._write() as tx:
                refused += actions.act(tx, wanted[start : start + _AT_ONCE], action, tags, requested_by)
        return refused

    def views(self) -> list[View]:
        """The saved views, by name."""
        with self._read() as tx:
            found = tx.connection.execute(select(views).order_by(views.c.name))
            return [View.model_validate(dict(row._mapping)) for row in found]

    def save_view(self, view: NewView, *, created_by: str | None = None) -> View:
        """Keep a view; one of that name gets the new query."""
        with self._write() as tx:
            known = tx.connection.scalar(select(views.c.id).where(views.c.name == view.name))
            if known is None:
                known = self._new_id()
                tx.connection.execute(
                    insert(views).values(
                        id=known,
                        name=view.name,
                        query=view.query,
                        created_at=tx.now,
                        created_by=created_by,
                    )
                )
            else:
                tx.connection.execute(update(views).where(views.c.id == known).values(query=view.query))
            row = tx.connection.execute(select(views).where(views.c.id == known)).one()
            return View.model_validate(dict(row._mapping))

    def remove_view(self, view_id: str) -> None:
        """`RecordNotFound` where there is none of this id."""
        with self._write() as tx:
            if not tx.connection.execute(delete(views).where(views.c.id == view_id)).rowcount:
                raise RecordNotFound(f"There is no view {view_id!r}.")
