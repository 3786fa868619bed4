"""The runner as a process that is told what to do: paused, changed, interrupted, resumed from its checkpoint."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from hessianfree_lab.client.spool import Spool
from hessianfree_lab.records import Assignment, JobSpec
from server.worker.runs import LONG_STEP, records, wait_for_environment, wait_for_steps
from server.worker.told import control, ended
from system.launch import clean_environment, wait_until

pytestmark = pytest.mark.system  # whole processes

SPEC = {
    "problem": "quadratic",
    "problem_params": {"dimension": 300, "condition_number": 1e6},
    "optimizer_params": {"cg_max_iter": 20},
    "checkpoint_every": 25,
}
MORE = 60  # steps of an attempt that goes on


def numbers(spool):
    """What is the same whenever it is made: not the clocks, nor what depends on them."""
    timed = ("seconds_", "peak_memory_bytes", "eval_")
    return [
        (record.step, {name: value for name, value in record.metrics.items() if not name.startswith(timed)})
        for record in records(spool)
    ]


def test_an_interrupted_job_goes_on_to_the_bit_also_from_an_older_checkpoint(runner, tmp_path):
    first = runner(**SPEC, budget={"steps": None})
    wait_for_steps(first.spool, 30)
    first.tell("set", 1, damping=0.25)
    changed_at = first.wait_for(1).step
    wait_for_steps(first.spool, changed_at + 30)
    first.process.send_signal(signal.SIGTERM)
    assert (ended(first).state, ended(first).error) == ("interrupted", "The job was told to stop.")
    reached = len(records(first.spool))
    last = reached + MORE
    set_once = control(1, changed_at, damping=0.25)

    # The server has heard neither of the last steps nor of the change.
    unheard = set_once.model_copy(update={"step": None})
    heard = changed_at - 5
    until = control(2, None, budget={"steps": last})
    second = runner(2, **SPEC, budget={"steps": None}, controls=[unheard, until], last_step=heard)
    assert ended(second).state == "completed"
    assert [batch.resumed_from for batch in second.batches() if batch.resumed_from] == [reached]
    assert {number: done.step for number, done in second.acknowledged().items()} == {
        1: changed_at,
        2: reached,
    }
    assert [step for step, _ in numbers(second.spool)] == list(range(heard + 1, last + 1))

    # Another machine has no checkpoint: it begins anew and makes the same change after the same step.
    alone = runner(2, root=tmp_path / "alone", **SPEC, budget={"steps": last}, controls=[set_once])
    assert ended(alone).state == "completed"
    reference = numbers(alone.spool)
    assert [step for step, _ in reference] == list(range(1, last + 1))
    assert numbers(first.spool) == reference[:reached]
    assert numbers(second.spool) == reference[heard:]

    # The newest checkpoint is damaged: the one before is taken, and the run's log says so.
    newest = max((tmp_path / "checkpoints" / "r").glob("0*"))
    tensors = newest / "state.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-10])
    asked = [
        set_once,
        until.model_copy(update={"step": reached}),
        control(3, None, budget={"steps": last + MORE}),
    ]
    third = runner(3, **SPEC, budget={"steps": None}, controls=asked, last_step=last)
    assert ended(third).state == "completed"
    (resumed_from,) = [batch.resumed_from for batch in third.batches() if batch.resumed_from]
    assert resumed_from < last
    assert third.notes()[0].startswith(f"The checkpoint of step {int(newest.name.rpartition('-')[2])} ")
    made_again = [entry for entry in numbers(third.spool) if entry[0] < last]
    assert made_again == reference[resumed_from : last - 1]


def test_a_job_stands_still_within_its_inner_solve_and_can_be_cancelled_there(runner):
    told = runner(**LONG_STEP)
    wait_for_environment(told.spool)
    time.sleep(1.0)  # now deep in its first CG solve
    asked = time.monotonic()
    told.tell("pause", 1)
    assert told.wait_for(1).step == 0
    assert time.monotonic() - asked < 10  # the step would take longer
    process = psutil.Process(told.process.pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(1.0)
    assert sum(process.cpu_times()[:2]) - before < 0.5
    told.tell("pause", 1)  # repeated, and nothing new
    told.tell("resume", 2)
    told.wait_for(2)
    wait_until(lambda: sum(process.cpu_times()[:2]) - before > 1.0, seconds=20, what="it goes on")
    told.tell("pause", 3)
    told.wait_for(3)
    asked = time.monotonic()
    told.tell("cancel")
    assert ended(told).state == "cancelled"
    assert time.monotonic() - asked < 10  # the step would take longer
    assert list(told.acknowledged()) == [1, 2, 3]


def test_an_interrupted_pause_keeps_what_was_reached(runner, tmp_path):
    told = runner(**SPEC, budget={"steps": None})
    wait_for_steps(told.spool, 30)
    told.tell("pause", 1)
    paused_at = told.wait_for(1).step
    told.process.send_signal(signal.SIGTERM)
    assert ended(told).state == "interrupted"
    (newest, *_) = sorted((tmp_path / "checkpoints" / "r").glob("0*"), reverse=True)
    assert paused_at <= int(newest.name.rpartition("-")[2]) <= paused_at + 1


def test_a_paused_job_dies_with_its_agent(runner):
    told = runner(**SPEC, budget={"steps": None})
    wait_for_steps(told.spool, 1)
    told.tell("pause", 1)
    told.wait_for(1)
    os.close(told.pipe)
    assert told.process.wait(30) == -signal.SIGKILL
    told.pipe = os.open(os.devnull, os.O_RDONLY)  # for the fixture to close


def test_settings_that_cannot_be_made_are_answered_with_the_reason(runner):
    told = runner(**SPEC, budget={"steps": None})
    wait_for_steps(told.spool, 1)
    told.tell("set", 1, damping=-1.0)
    assert "damping" in told.wait_for(1).error
    told.tell("set", 2, budget={"steps": 1})
    assert told.wait_for(2).error is None
    assert ended(told).state == "completed"
    assert len(records(told.spool)) <= told.acknowledged()[2].step + 1


LIMITED = """
import resource, sys
from hessianfree_lab.worker import runner
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
sys.argv = ["runner", sys.argv[1], "--checkpoints", sys.argv[2]]
runner.main()
"""


def test_a_record_that_does_not_fit_on_the_disk_ends_the_job_with_a_sentence_and_tears_nothing(tmp_path):
    spool, lock = Spool.create(tmp_path, run="r", attempt=1)
    lock.close()
    assignment = Assignment(run="r", name="r", attempt=1, spec=JobSpec(**SPEC | {"budget": {"steps": None}}))
    (spool.directory / "spec.json").write_text(assignment.model_dump_json())
    subprocess.run(
        [sys.executable, "-c", LIMITED, str(spool.directory), str(tmp_path / "checkpoints")],
        env=clean_environment(),
        timeout=120,
        check=True,
    )
    finish = spool.read_finish()
    assert (finish.state, finish.cause) == ("failed", "error")
    assert "File too large" in finish.error
    assert (spool.directory / "records.jsonl").read_bytes().endswith(b"}\n")
    steps = [record.step for record in records(spool)]
    assert steps == list(range(1, len(steps) + 1))
