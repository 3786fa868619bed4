"""Several stores of one database, as clients see the servers behind one address."""

from collections.abc import Iterable
from itertools import cycle
from typing import Any

from hessianfree_lab.store import SqlStore
from hessianfree_lab.store.interface import Listener


class InTurns:
    """Whatever is asked of it the next of its stores answers; a listener listens to all of them.

    But for what runs have been made into: each keeps that for itself, so that one answers, whoever has written.
    """

    def __init__(self, stores: Iterable[SqlStore]) -> None:
        self._stores = list(stores)
        self._next = cycle(self._stores)
        self.answers = self._stores[0].answers

    def subscribe(self, listener: Listener) -> None:
        for store in self._stores:
            store.subscribe(listener)

    def __getattr__(self, name: str) -> Any:
        return getattr(next(self._next), name)
