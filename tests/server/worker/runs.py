"""Attempts of the runner alone: a spool, a spec, a process."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hessianfree_lab.client.extents import next_extent
from hessianfree_lab.client.spool import Position, Spool
from hessianfree_lab.records import Assignment, FinishRequest, JobSpec, StepRecord
from system.launch import clean_environment, wait_until

START_SECONDS = 60.0

# A step of these takes many seconds: thousands of CG iterations of a wide network.
LONG_STEP = {
    "problem": "digits-autoencoder",
    "problem_params": {"hidden_size": 1500, "code_size": 300},
    "optimizer_params": {"cg_max_iter": 100_000, "damping": 1e-8, "adapt_damping": False},
}


def prepared(root: Path, *, attempt: int = 1, **spec: Any) -> Spool:
    """The spool of an attempt that is ready to run."""
    spool, lock = Spool.create(root, run="run", attempt=attempt)
    lock.close()
    assignment = Assignment(run="run", name="test", attempt=attempt, spec=JobSpec(**spec))
    (spool.directory / "spec.json").write_text(assignment.model_dump_json())
    return spool


def started(spool: Spool, *arguments: str, storage: str = "", **options: Any) -> subprocess.Popen[bytes]:
    """The runner's process; `storage`: where its checkpoints go, if not beside the spool."""
    environment = clean_environment(HESSIANFREE_STORAGE=storage)
    command = [sys.executable, "-m", "hessianfree_lab.worker.runner", str(spool.directory)]
    command += ["--checkpoints", str(spool.directory.parent / "checkpoints"), *arguments]
    with (
        (spool.directory / "stdout.log").open("wb") as out,
        (spool.directory / "stderr.log").open("wb") as err,
    ):
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err, **options
        )


def ended(
    root: Path, *, attempt: int = 1, storage: str = "", **spec: Any
) -> tuple[Spool, FinishRequest | None]:
    """A job run to its end."""
    spool = prepared(root, attempt=attempt, **spec)
    assert started(spool, storage=storage).wait(120) == 0
    return spool, spool.read_finish()


def records(spool: Spool) -> list[StepRecord]:
    """What has been recorded."""
    found, position = [], Position()
    while (extent := next_extent(spool, position, is_final=True)) is not None:
        found += extent.batch.steps
        position = extent.end
    return found


def wait_for_steps(spool: Spool, count: int) -> None:
    wait_until(lambda: len(records(spool)) >= count, seconds=START_SECONDS, what=f"{count} steps")


def wait_for_environment(spool: Spool) -> None:
    """The job is built and about to make its first step."""
    path = spool.directory / "records.jsonl"
    wait_until(
        lambda: path.exists() and path.stat().st_size > 0, seconds=START_SECONDS, what="the first record"
    )
