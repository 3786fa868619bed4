"""What concerns the whole suite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.postgres import Postgres, running_postgres

SYSTEM = Path(__file__).parent / "system"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in tests/system, and say what runs together where there is more than one process (`pytest -n`).

    All system tests share one process, since they share servers and fill a core by themselves; it starts with them, and
    the others do the rest meanwhile, a file at a time. In one process they come last: what is broken shows before
    minutes are spent on them.
    """
    for item in items:
        is_system = SYSTEM in item.path.parents
        if is_system:
            item.add_marker(pytest.mark.system)
        item.add_marker(pytest.mark.xdist_group("system" if is_system else item.path.name))
    is_shared = hasattr(items[0].config, "workerinput") if items else False
    items.sort(key=lambda item: (item.get_closest_marker("system") is not None) != is_shared)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for whoever asks; who does is marked `postgres`."""
    with running_postgres() as cluster:
        yield cluster
