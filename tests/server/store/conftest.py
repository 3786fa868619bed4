import pytest

from hessianfree_lab.store import Store
from server.makers import announcement, spec
from server.store.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(store: Store) -> str:
    """A registered worker that trains `bowl` with `hessianfree`."""
    return store.add_worker(announcement())


@pytest.fixture
def run(store: Store, worker: str) -> str:
    """A job that the worker has claimed."""
    run, _ = store.add_job(spec())
    store.claim_job(worker)
    return run.id
