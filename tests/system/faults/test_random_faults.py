"""Processes are killed, frozen and stopped at random; in the end every run is whole, and as if nothing had happened.

make torture                          a long schedule
TORTURE_SEED=7 make torture           another one, or the same again
"""

import contextlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from hessianfree_lab.client import Client
from hessianfree_lab.errors import ClientError
from system.faults.audit import check, read, repeated, undisturbed
from system.faults.faults import schedule
from system.faults.plant import Plant, build

FAULTS = int(os.environ.get("TORTURE_FAULTS", "12"))
SEED = int(os.environ.get("TORTURE_SEED", "2010"))
OPEN_JOBS = 3
COMPARED = 3
LEASE_SECONDS = 4.0  # a fifth of the default, as everything here goes faster than in life
WAIT_SECONDS = 0.8  # on average, from when a job trains until something goes wrong
PATIENCE_SECONDS = 15.0  # for a job to train; then it goes wrong all the same
RECOVERY_SECONDS = 600.0


def job(number: int) -> dict[str, Any]:
    """Jobs of different kinds, some seconds each."""
    kinds: list[dict[str, Any]] = [
        {
            "problem": "digits-classifier",
            "problem_params": {"batch_size": 200},
            "optimizer": "hessianfree",
            "budget": {"steps": 60},
            "checkpoint_every": 5,
        },
        {
            "problem": "digits-autoencoder",
            "problem_params": {"batch_size": 100},
            "optimizer": "adam",
            "budget": {"steps": 900},
            "checkpoint_every": 50,
        },
        {
            "problem": "rosenbrock",
            "optimizer": "hessianfree",
            "budget": {"steps": 600},
            "checkpoint_every": 40,
        },
    ]
    return kinds[number % len(kinds)] | {
        "name": f"job {number}",
        "seed": number,
        "max_attempts": 100,
        "device": "cpu",
    }


@pytest.mark.timeout(900 + 20 * FAULTS)
def test_runs_are_whole_and_exact_whatever_is_killed(tmp_path: Path) -> None:
    plant = build(tmp_path, workers=2, lease_seconds=LEASE_SECONDS)
    submitted = 0
    try:
        plant.start()
        for fault in schedule(SEED, FAULTS, lease_seconds=LEASE_SECONDS, mean_wait_seconds=WAIT_SECONDS):
            submitted += _submit_up_to(plant, OPEN_JOBS, first=submitted)
            _wait_for_training(plant)
            time.sleep(fault.wait_seconds)
            plant.note_runners()
            fault.strike(plant)
            print(fault.what)  # shown where the test fails: the schedule up to there
        time.sleep(2.5 * LEASE_SECONDS)  # what was frozen or is to come back does so
        for member in plant.members:
            member.start()
        plant.wait_for(lambda client: not client.jobs(), "all jobs end", seconds=RECOVERY_SECONDS)
        assert plant.orphans() == []
    finally:
        plant.stop()

    runs = read(plant.database)
    assert len(runs) == submitted  # each counts once, however often it was sent
    for run in runs:
        check(run)
    resumed = [run for run in runs if any(step for *_, step in run.attempts)]
    # How many are as far as a checkpoint when they are struck is the machine's affair.
    assert resumed, "no attempt went on from a checkpoint: the schedule has shown nothing"
    compared = resumed[:COMPARED]
    for run, expected in zip(compared, undisturbed([run.spec for run in compared]), strict=True):
        assert [repeated(metrics) for _, _, metrics in run.steps] == list(map(repeated, expected)), run.name


def _submit_up_to(plant: Plant, count: int, *, first: int) -> int:
    """Submit jobs from number `first` on until `count` are open, as far as the server answers; how many."""
    added = 0
    with contextlib.suppress(ClientError), Client(plant.url) as client:
        for _ in range(count - len(client.jobs())):
            number = first + added
            added += 1
            _submit(plant, f"torture-{number}", job(number))
    return added


def _submit(plant: Plant, key: str, spec: dict[str, Any]) -> None:
    plant.wait_for(lambda client: bool(client.submit(spec, idempotency_key=key).id), f"{key} is taken")


def _wait_for_training(plant: Plant) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not plant.is_training() and time.monotonic() < deadline:
        time.sleep(0.05)
