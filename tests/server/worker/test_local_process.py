"""The runner's process, at the moments when its end and a word to it cross."""

import os

import psutil

from hessianfree_lab.worker.executors.local import LocalProcess
from system.launch import wait_until


def test_a_word_to_a_runner_that_has_just_ended_does_not_lose_its_exit_code(tmp_path):
    process = LocalProcess(
        tmp_path, checkpoints=tmp_path, environment=os.environ
    )  # no spool there: it ends at once, with a traceback
    runner = psutil.Process(process.pid)
    wait_until(lambda: runner.status() == psutil.STATUS_ZOMBIE, seconds=60, what="the end")
    process.terminate()
    process.kill()
    assert process.wait().code == 1
    process.terminate()
    process.kill()
