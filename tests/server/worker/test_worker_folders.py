"""What a worker keeps, and what it removes."""

import os
import time
from dataclasses import replace

import pytest

from hessianfree_lab.client.connection import Home
from hessianfree_lab.client.spool import Spool
from hessianfree_lab.worker.folders import Folders
from hessianfree_lab.worker.output_limit import limited_output
from system.launch import wait_until

DAY_SECONDS = 24 * 3600.0


@pytest.fixture
def folders(tmp_path):
    return Folders(tmp_path, keep_days=3.0)


def spool(folders, run, attempt=1, *, closed=True):
    made, lock = Spool.create(folders.spools, run=run, attempt=attempt)
    lock.close()
    if closed:
        made.close()
    return made


def checkpoint(folders, run, *, age_seconds=0.0):
    folder = folders.checkpoints / run / "00000001-attempt-1-step-10"
    folder.mkdir(parents=True)
    then = time.time() - age_seconds
    os.utime(folder.parent, (then, then))
    return folder


def left(folders):
    return sorted(path.name for path in [*folders.spools.glob("*"), *folders.checkpoints.glob("*")])


def test_what_a_deleted_run_left_is_removed(folders):
    spool(folders, "gone")
    checkpoint(folders, "gone")
    spool(folders, "held")
    checkpoint(folders, "held")
    assert folders.runs() == {"gone", "held"}
    folders.tidy({}, held={"held"})
    assert left(folders) == ["held", "held-1"]


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_what_a_run_that_may_go_on_needs_is_kept(folders, state):
    spool(folders, "r")
    checkpoint(folders, "r", age_seconds=30 * DAY_SECONDS)
    folders.tidy({"r": state}, held=())
    assert left(folders) == ["r", "r-1"]


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_checkpoints_of_an_ended_run_are_kept_for_some_days(folders, state):
    for run, days in (("new", 2.9), ("old", 3.1)):
        spool(folders, run)
        checkpoint(folders, run, age_seconds=days * DAY_SECONDS)
    folders.tidy({"new": state, "old": state}, held=())
    assert left(folders) == ["new"]


def test_what_belongs_to_another_server_is_kept(folders):
    """This one has never heard of its run."""
    for run, server in (("there", "another"), ("here", "this one")):
        left_there = spool(folders, run)
        replace(left_there, home=Home(id=server, url="http://a")).write_owner()
        checkpoint(folders, run)
    folders.tidy({}, held=(), home=Home(id="this one", url="http://a"))
    assert left(folders) == ["there", "there-1"]


def test_what_is_still_to_be_sent_is_kept(folders):
    spool(folders, "r", closed=False)
    folders.tidy({"r": "failed"}, held=())
    assert left(folders) == ["r-1"]


def test_a_delivered_attempt_makes_earlier_spools_useless(folders):
    spool(folders, "r", 1)
    spool(folders, "other", 1)
    folders.delivered(spool(folders, "r", 2, closed=False))
    assert left(folders) == ["other-1"]


def test_output_is_cut_on_the_disk_while_it_is_written(tmp_path):
    path = tmp_path / "stdout.log"
    with limited_output(tmp_path, max_bytes=1_000), path.open("ab") as output:
        for _ in range(3):
            output.write(b"x" * 2_000)
            output.flush()
            wait_until(lambda: path.stat().st_size == 1_000, seconds=10, what="it is cut")
        output.write(b"y" * 2_000)
    assert path.read_bytes() == b"x" * 1_000
