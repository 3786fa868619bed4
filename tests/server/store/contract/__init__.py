"""The store's contract (hessianfree_lab.store.interface) as tests: every back end inherits `StoreContract`."""

from server.store.contract.attempts import AttemptContract
from server.store.contract.controls import ControlContract
from server.store.contract.events import EventContract
from server.store.contract.lists import ListContract
from server.store.contract.queue import QueueContract
from server.store.contract.records import RecordContract
from server.store.contract.series import SeriesContract
from server.store.contract.text import TextContract


class StoreContract(
    QueueContract,
    AttemptContract,
    ControlContract,
    RecordContract,
    SeriesContract,
    ListContract,
    EventContract,
    TextContract,
):
    """A back end's class gives the fixture `store`, made with the fixture `clock` and leases of 20 s."""
