"""Each back end keeps the contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hessianfree_lab.store import Store, open_store
from server.store.clock import Clock
from server.store.contract import StoreContract


class TestSqliteFile(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path, clock: Clock) -> Iterator[Store]:
        store = open_store(f"sqlite:///{tmp_path}/lab.sqlite", lease_seconds=20.0, clock=clock)
        yield store
        store.close()


class TestInMemory(StoreContract):
    @pytest.fixture
    def store(self, clock: Clock) -> Iterator[Store]:
        store = open_store(lease_seconds=20.0, clock=clock)
        yield store
        store.close()
