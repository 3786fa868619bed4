"""Everything that a store does."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hessianfree_lab.store.interface.attempts import Attempts
from hessianfree_lab.store.interface.control import LiveControl
from hessianfree_lab.store.interface.events import Events, OtherServers
from hessianfree_lab.store.interface.recorded import Recorded
from hessianfree_lab.store.interface.runs import Runs
from hessianfree_lab.store.interface.workers import Workers

if TYPE_CHECKING:
    from hessianfree_lab.store.access import Access
    from hessianfree_lab.store.solves import Solves
    from hessianfree_lab.store.sweeps import Sweeps
    from hessianfree_lab.store.table import RunTable
    from hessianfree_lab.store.waiting import Waiting


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What the service's own monitoring shows."""

    runs: dict[str, int]  # by state
    workers: dict[str, int]  # by state
    waiting_seconds: float = 0.0  # of the queued job that has waited the longest; 0: none waits


class Store(Runs, LiveControl, Attempts, Workers, Recorded, Events, Protocol):
    """Runs, their records, the queue and the workers; by their nouns what has grown large."""

    @property
    def table(self) -> "RunTable":
        """Groups of runs, what can be asked of them, actions on many, saved views."""
        ...

    @property
    def sweeps(self) -> "Sweeps":
        """Sweeps and their trials."""
        ...

    @property
    def access(self) -> "Access":
        """Tokens and sessions."""
        ...

    @property
    def solves(self) -> "Solves":
        """Inner solves: the latest up to a step, and samples of many."""
        ...

    @property
    def waiting(self) -> "Waiting":
        """The queue as a person sees it: places, estimates, moves."""
        ...

    @property
    def peers(self) -> OtherServers:
        """The other servers at this database."""
        ...

    @property
    def server_id(self) -> str:
        """Which database this is, whatever the address: drawn when it was first opened, and never again."""
        ...

    def ping(self) -> None:
        """Raise `DatabaseUnavailable` unless something can be written."""
        ...

    def counts(self) -> Counts: ...

    def close(self) -> None:
        """Let go of the database; nothing may be called afterwards."""
        ...
