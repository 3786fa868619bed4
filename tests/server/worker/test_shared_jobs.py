"""A job on several processes: as on one, steered as one, and ended as a whole when one of them is gone."""

import time

import psutil
import pytest
import torch

from hessianfree_lab.records import JobSpec
from server.training.resumption import taken_up
from server.training.sessions import records_of, session
from server.worker.runs import records, wait_for_steps
from server.worker.told import control, ended
from system.launch import wait_until

pytestmark = pytest.mark.system  # whole processes

# Cases that two processes cannot have equally many of; every step on others, judged on more.
SHARED = {
    "problem": "digits-classifier",
    "problem_params": {"batch_size": 301},
    "optimizer_params": {"judge_share": 2.0, "cg_max_iter": 5, "preconditioner": "empirical_fisher"},
    "dtype": "float64",
    "checkpoint_every": 1,
}
COMPARED = ("loss", "loss_after", "damping", "reduction_ratio", "cg_iterations", "gradient_equivalents")
ENDLESS = {"budget": {"steps": None}, "resources": {"processes": 2}}


def of_training(record):
    """Names of what every step records: evaluations come as often as the clock allows."""
    return {name for name in record.metrics if not name.startswith("eval_")}


def agrees(ours, theirs):
    assert ours.step == theirs.step
    assert of_training(ours) == of_training(theirs)
    for name in COMPARED:
        assert ours.metrics[name] == pytest.approx(theirs.metrics[name], rel=1e-8), name


def follower_of(told):
    (follower,) = psutil.Process(told.process.pid).children()
    return follower


def kept(root):
    """Steps of which there is a checkpoint."""
    return [int(path.name.rpartition("-")[2]) for path in (root / "checkpoints" / "r").glob("0*")]


def is_gone(process):
    """Ended, whether or not somebody has asked for its exit code."""

    def has_ended():
        try:
            return process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    wait_until(has_ended, seconds=20, what="a follower is gone")
    return True


def test_two_processes_are_one_job(runner, tmp_path):
    alone = records_of(session(**SHARED, budget={"steps": 3}))
    shared = tmp_path / "shared"  # where every process of the job finds checkpoints
    first = runner(**SHARED, **ENDLESS, storage=str(shared))
    wait_for_steps(first.spool, 4)
    for ours, theirs in zip(records(first.spool)[:2], alone[:2], strict=True):  # the last one is evaluated
        agrees(ours, theirs)

    follower = follower_of(first)
    follower.terminate()  # as it is when a whole service is stopped: it leaves that to rank 0
    first.tell("pause", 1)
    first.wait_for(1)
    processes = [psutil.Process(first.process.pid), follower]
    time.sleep(0.5)  # to come to the next exchange
    before = sum(sum(process.cpu_times()[:2]) for process in processes)
    time.sleep(1.0)
    assert sum(sum(process.cpu_times()[:2]) for process in processes) - before < 0.5
    first.tell("resume", 2)
    first.tell("set", 3, damping=0.25)
    changed_at = first.wait_for(3).step
    wait_until(lambda: max(kept(shared), default=0) > changed_at, seconds=60, what="a checkpoint")
    after = records(first.spool)[changed_at]
    assert (after.step, after.metrics["damping"]) == (changed_at + 1, 0.25)
    follower.kill()
    finish = ended(first)
    assert (finish.state, finish.cause) == ("interrupted", "killed")
    assert is_gone(follower)

    # One process goes on from there, too, with its own number of threads.
    reached, last = max(kept(shared)), len(records(first.spool))
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    on_one = taken_up(JobSpec(**SHARED, budget={"steps": reached + 2}), shared / "checkpoints" / "r")
    assert torch.get_num_threads() == threads + 1
    torch.set_num_threads(threads)
    expected = next(record for (record, *_) in on_one)

    again = {"controls": [control(3, changed_at, damping=0.25)], "last_step": last}
    second = runner(2, **SHARED, **ENDLESS, **again, storage=str(shared))
    wait_for_steps(second.spool, 2)
    assert [batch.resumed_from for batch in second.batches() if batch.resumed_from] == [reached]
    agrees(records(second.spool)[0], expected)
    follower = follower_of(second)
    second.tell("cancel")
    assert ended(second).state == "cancelled"
    assert is_gone(follower)
