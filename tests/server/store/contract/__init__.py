"""The store's contract (hessianfree_lab.store.interface) as tests: every back end inherits `StoreContract`."""

from server.store.contract.attempts import AttemptContract
from server.store.contract.controls import ControlContract
from server.store.contract.events import EventContract
from server.store.contract.fitting import FittingContract
from server.store.contract.lists import ListContract
from server.store.contract.logs import LogContract
from server.store.contract.queue import QueueContract
from server.store.contract.records import RecordContract
from server.store.contract.rungs import RungContract
from server.store.contract.series import SeriesContract
from server.store.contract.solves import SolveContract
from server.store.contract.standing import StandingContract
from server.store.contract.sweeps import SweepContract
from server.store.contract.table import TableContract
from server.store.contract.text import TextContract
from server.store.contract.waiting import WaitingContract


class StoreContract(
    QueueContract,
    FittingContract,
    AttemptContract,
    ControlContract,
    RecordContract,
    LogContract,
    RungContract,
    SeriesContract,
    ListContract,
    EventContract,
    SolveContract,
    StandingContract,
    SweepContract,
    TableContract,
    TextContract,
    WaitingContract,
):
    """A back end's class gives the fixture `store`, made with the fixture `clock` and leases of 20 s."""
