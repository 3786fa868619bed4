"""Processes are killed, frozen and stopped at random; in the end every run is whole, and as if nothing had happened.

make torture                          a long schedule
TORTURE_SEED=7 make torture           another one, or the same again
"""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from system.faults.audit import check, read, repeated, undisturbed
from system.faults.faults import schedule
from system.faults.plant import build

FAULTS = int(os.environ.get("TORTURE_FAULTS", "28"))
SEED = int(os.environ.get("TORTURE_SEED", "2010"))
JOBS = max(6, FAULTS // 5)
LEASE_SECONDS = 4.0  # a fifth of the default, as everything here goes faster than in life
WAIT_SECONDS = 1.6  # between faults, on average
RECOVERY_SECONDS = 240.0


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


@pytest.mark.timeout(1800 if FAULTS > 50 else 600)
def test_runs_are_whole_and_exact_whatever_is_killed(tmp_path: Path) -> None:
    plant = build(tmp_path, workers=2, lease_seconds=LEASE_SECONDS)
    told = []
    try:
        plant.start()
        with_keys = {f"torture-{number}": job(number) for number in range(JOBS)}
        for key, spec in with_keys.items():
            _submit(plant, key, spec)
        for fault in schedule(SEED, FAULTS, lease_seconds=LEASE_SECONDS, mean_wait_seconds=WAIT_SECONDS):
            time.sleep(fault.wait_seconds)
            plant.note_runners()
            fault.strike(plant)
            told.append(fault.what)
        time.sleep(2.5 * LEASE_SECONDS)  # what was frozen or is to come back does so
        for member in plant.members:
            member.start()
        plant.wait_for(
            lambda client: not client.jobs(), "all jobs end", seconds=RECOVERY_SECONDS * max(1, FAULTS / 28)
        )
        assert plant.orphans() == []
    finally:
        plant.stop()
    assert len(told) == FAULTS

    runs = read(plant.database)
    assert len(runs) == JOBS  # each submission counted once, however often it was sent
    for run in runs:
        check(run)
    resumed = [step for run in runs for _, _, _, step in run.attempts if step]
    assert resumed, "no attempt went on from a checkpoint: the schedule has shown nothing"
    for run in runs[:3]:
        expected = [repeated(metrics) for metrics in undisturbed(run.spec)]
        assert [repeated(metrics) for _, _, metrics in run.steps] == expected, run.name


def _submit(plant: Any, key: str, spec: dict[str, Any]) -> None:
    plant.wait_for(lambda client: bool(client.submit(spec, idempotency_key=key).id), f"{key} is taken")
