"""What every store does. The docstrings are the contract; tests/server/store holds each back end to them.

All methods may be called from any thread. A method that writes is one transaction: it returns after the commit, or
raises and has changed nothing. Unknown ids raise `RunNotFound` or `WorkerNotFound`; a state that forbids the change
raises `WrongState`, which carries the state. A database that cannot (its disk is full, it is read-only, it is
held by another program, it is away) raises `DatabaseUnavailable`; once it can again, so can the store.
"""

from hessianfree_lab.store.interface.events import (
    EVENTS,
    EVERYTHING,
    QUEUE,
    REMOVALS,
    REVOCATIONS,
    SWEEPS,
    Duties,
    Event,
    Listener,
    OtherServers,
    commands_for,
)
from hessianfree_lab.store.interface.recorded import COUNTING_METRICS, EVERY_LINE, Answer, LogEntry, LogQuery
from hessianfree_lab.store.interface.runs import MAX_PAGE, RunQuery, RunSelection
from hessianfree_lab.store.interface.store import Counts, Store

__all__ = [
    "COUNTING_METRICS",
    "EVENTS",
    "EVERYTHING",
    "EVERY_LINE",
    "MAX_PAGE",
    "QUEUE",
    "REMOVALS",
    "REVOCATIONS",
    "SWEEPS",
    "Answer",
    "Counts",
    "Duties",
    "Event",
    "Listener",
    "LogEntry",
    "LogQuery",
    "OtherServers",
    "RunQuery",
    "RunSelection",
    "Store",
    "commands_for",
]
