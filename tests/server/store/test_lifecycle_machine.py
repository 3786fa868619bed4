"""The lifecycle under everything that may happen to it, in orders that nobody thought of."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from server.databases import database
from server.postgres import Postgres
from server.store.lifecycle_machine import Lifecycle


def _settings(examples: int) -> settings:
    """The same examples every time: a red run of the whole suite can be had again."""
    return settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.slow
def test_lifecycle_on_sqlite() -> None:
    with database("sqlite://") as engine:
        run_state_machine_as_test(lambda: Lifecycle(engine), settings=_settings(35))


@pytest.mark.slow
def test_lifecycle_on_postgresql(postgres: Postgres) -> None:
    with database(postgres.new_database()) as engine:
        run_state_machine_as_test(lambda: Lifecycle(engine), settings=_settings(5))
