"""What concerns the whole suite."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from server.postgres import Postgres, running_postgres
from server.s3 import S3, running_s3

SYSTEM = Path(__file__).parent / "system"

settings.register_profile(  # timings never decide a test
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    """Tests do the same on every machine: GPUs are for those in tests/gpu, where these are asked for (`-m gpu`)."""
    if "gpu" not in config.option.markexpr:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


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
    """A file at a time to whichever process is free; what shares the installation of tests/system goes to one."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        alone = ("tests/system/browser/", "tests/system/deployment/")
        shares = file.startswith("tests/system/") and not file.startswith(alone)
        return "system" if shares else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    config.option.loadscopereorder = False  # the order of collection is the order wanted
    return Scheduling(config, log)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for whoever asks; who does is marked `postgres`."""
    with running_postgres() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """An S3 for whoever asks."""
    with running_s3() as bucket:
        yield bucket
