"""The runner as a process: how it ends, and what is there afterwards."""

import math
import os
import signal
import subprocess
import sys

import psutil
import pytest

from hessianfree_lab.client.extents import next_extent
from hessianfree_lab.client.spool import Position
from hessianfree_lab.storage.location import objects_of
from server.worker.runs import (
    ended,
    prepared,
    records,
    started,
    wait_for_steps,
)
from system.launch import clean_environment, wait_until

pytestmark = pytest.mark.system  # whole processes


def test_a_job_runs_to_its_budget(tmp_path):
    spool, finish = ended(tmp_path, problem="rosenbrock", budget={"steps": 5})
    assert (finish.state, finish.cause, finish.error) == ("completed", None, None)
    assert [record.step for record in records(spool)] == [1, 2, 3, 4, 5]
    batch = next_extent(spool, Position()).batch
    assert batch.landscape.minima == [(1.0, 1.0)]
    assert [trace.step for trace in batch.cg] == [1, 2, 3, 4, 5]
    assert {
        "python",
        "torch",
        "numpy",
        "platform",
        "host",
        "device",
        "threads",
        "pid",
    } <= batch.environment.keys()


def test_what_it_prints_is_in_the_files(tmp_path):
    spool, _ = ended(tmp_path, problem="rosenbrock", budget={"steps": 2}, optimizer_params={"verbose": True})
    lines = (spool.directory / "stdout.log").read_text().splitlines()
    assert [line.split(":")[0] for line in lines] == ["step 1", "step 2"]


def test_divergence(tmp_path):
    spool, finish = ended(
        tmp_path, problem="rosenbrock", optimizer="sgd", optimizer_params={"lr": 100}, budget={"steps": 500}
    )
    assert (finish.state, finish.cause) == ("failed", "diverged")
    last = records(spool)[-1]
    assert finish.error == f"Diverged: loss is {last.metrics['loss']} at step {last.step}."
    assert not math.isfinite(last.metrics["loss"])


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"problem": "rosenbrok"}, "There is no problem 'rosenbrok'. Did you mean 'rosenbrock'?"),
        ({"problem": "beale", "optimizer_params": {"damping": -1}}, "optimizer_params.damping = -1: "),
        ({"problem": "beale", "device": "cuda:99"}, "device = 'cuda:99': this worker has "),
    ],
)
def test_a_spec_that_cannot_be_built_is_invalid_without_a_traceback(tmp_path, spec, sentence):
    _, finish = ended(tmp_path, **spec)
    assert (finish.state, finish.cause) == ("failed", "invalid")
    assert finish.error.startswith(sentence)
    assert "Traceback" not in finish.error


LIMITED = """
import resource, sys
from hessianfree_lab.training import session  # what the job needs anyway
from hessianfree_lab.worker import runner
in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + 100 * 2**20,) * 2)
sys.argv = ["runner", sys.argv[1], "--checkpoints", sys.argv[1]]
runner.main()
"""


def test_running_out_of_memory_is_told_apart(tmp_path):
    spool = prepared(tmp_path, problem="quadratic", problem_params={"dimension": 2000})
    code = subprocess.run(
        [sys.executable, "-c", LIMITED, str(spool.directory)],
        env=clean_environment(),
        timeout=120,
        check=False,
    ).returncode
    assert code == 0
    finish = spool.read_finish()
    assert (finish.state, finish.cause) == ("failed", "out_of_memory")
    assert finish.error.startswith("Out of memory: ")
    assert "Traceback" in finish.error


def test_kill_9_leaves_every_finished_step(tmp_path):
    spool = prepared(tmp_path, problem="digits-classifier", optimizer="adam", budget={"steps": 1_000_000})
    process = started(spool)
    wait_for_steps(spool, 50)
    process.kill()
    process.wait(60)
    assert spool.read_finish() is None
    steps = [record.step for record in records(spool)]
    assert steps == list(range(1, len(steps) + 1))
    assert [record.step for record in records(spool)] == steps


def test_sigterm_while_torch_is_being_loaded(tmp_path):
    spool = prepared(tmp_path, problem="rosenbrock")
    process = started(spool)
    libraries = lambda: any("torch" in m.path for m in psutil.Process(process.pid).memory_maps())  # noqa: E731
    wait_until(libraries, seconds=60, what="torch begins to load")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert spool.read_finish().state == "interrupted"


def test_it_dies_when_its_agent_does(tmp_path):
    spool = prepared(tmp_path, problem="digits-classifier", optimizer="sgd", budget={"steps": 1_000_000})
    reading, writing = os.pipe()
    process = started(spool, "--control", str(reading), pass_fds=[reading], start_new_session=True)
    os.close(reading)
    wait_for_steps(spool, 1)
    os.close(writing)
    assert process.wait(60) == -signal.SIGKILL


def test_training_imports_no_server(tmp_path):
    spool = prepared(tmp_path, problem="digits-autoencoder", budget={"steps": 1})
    code = (
        "import os, sys\n"
        "from hessianfree_lab.worker import runner\n"
        "os._exit = sys.exit\n"
        "sys.argv = ['runner', sys.argv[1], '--checkpoints', sys.argv[1]]\n"
        "try:\n"
        "    runner.main()\n"
        "except SystemExit:\n"
        "    pass\n"
        "of_servers = ('fastapi', 'starlette', 'sqlalchemy', 'alembic', 'hessianfree_lab.store')\n"
        "print([name for name in sys.modules if name.startswith(of_servers)])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(spool.directory)],
        env=clean_environment(), capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert spool.read_finish().state == "completed"
    assert result.stdout == "[]\n"


def test_an_attempt_that_may_not_read_its_checkpoints_ends_at_once(s3, tmp_path):
    """Nobody begins anew because of a bucket's policy, and nobody waits for one to change."""
    job = {
        "problem": "rosenbrock",
        "optimizer": "sgd",
        "optimizer_params": {"lr": 1e-4},
        "checkpoint_every": 1,
    }
    bucket = s3.new_bucket()
    storage = f"s3://{bucket}/lab"
    _, first = ended(tmp_path, storage=storage, budget={"steps": 5}, **job)
    assert first.state == "completed"
    assert objects_of(storage, "checkpoints", "run").listing()
    s3.deny(bucket)
    spool, denied = ended(tmp_path, attempt=2, storage=storage, budget={"steps": 10}, **job)
    assert (denied.state, denied.cause) == ("failed", "storage")
    assert denied.error.startswith(f"The checkpoints cannot be read. Cannot read {storage}/checkpoints/run/")
    assert "Forbidden" in denied.error
    assert "hessianfree doctor" in denied.error
    assert "Traceback" not in denied.error
    assert records(spool) == []
