"""What concerns the whole suite."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from server.postgres import Postgres, running_postgres

SYSTEM = Path(__file__).parent / "system"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in tests/system. In one process what is slow comes last: what is broken shows before minutes are
    spent on it; with several (`pytest -n`) it comes first, so that none is left with it in the end."""
    for item in items:
        if SYSTEM in item.path.parents:
            item.add_marker(pytest.mark.system)
    items.sort(key=_slowness, reverse=bool(items) and hasattr(items[0].config, "workerinput"))


def _slowness(item: pytest.Item) -> int:
    """0 for quick tests, 1 for those that start processes, 2 for those that share a whole installation."""
    return (SYSTEM in item.path.parents) + (item.get_closest_marker("system") is not None)


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """A file at a time to whichever process is free; all of tests/system to one, since it shares servers."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "system" if file.startswith("tests/system/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    config.option.loadscopereorder = False  # the order of collection is the order wanted
    return Scheduling(config, log)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for whoever asks; who does is marked `postgres`."""
    with running_postgres() as cluster:
        yield cluster
