"""What tests of the worker share."""

import os

import pytest

from hessianfree_lab.client.spool import Spool
from hessianfree_lab.records import Assignment, JobSpec
from server.worker.told import Told


@pytest.fixture
def runner(tmp_path):
    """Starts runners; none outlives the test."""
    all_of_them = []

    def start(attempt=1, *, root=tmp_path, controls=(), last_step=0, storage="", **spec):
        spool, lock = Spool.create(root, run="r", attempt=attempt)
        lock.close()
        assignment = Assignment(
            run="r", name="r", attempt=attempt, spec=JobSpec(**spec), last_step=last_step, controls=list(controls)
        )  # fmt: skip
        all_of_them.append(Told(spool, assignment, storage))
        return all_of_them[-1]

    yield start
    for told in all_of_them:
        if told.process.poll() is None:
            told.process.kill()
            told.process.wait()
        os.close(told.pipe)
