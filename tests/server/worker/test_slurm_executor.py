"""Jobs as batch jobs: what Slurm does to one ends its attempt, and the next goes on."""

import signal

import psutil
import pytest

from hessianfree_lab.errors import LabError
from hessianfree_lab.worker.executors import attendance
from hessianfree_lab.worker.executors.slurm import SlurmExecutor
from server.client.lab_server import lab_server
from server.worker.workers import PROBLEMS, steps_of, submit, wait_for_state, wait_for_step
from system.launch import clean_environment, launched, wait_until

pytestmark = pytest.mark.system  # whole processes

TOKEN = "the-secret-of-this-server"
ENDLESS = {"budget": {"steps": 1_000_000}, "checkpoint_every": 50}


@pytest.fixture
def server(tmp_path):
    with lab_server(tmp_path / "server", token=TOKEN) as server:
        yield server


def batch_job(run: str) -> psutil.Process:
    """What Slurm would have started on the node."""
    found: list[psutil.Process] = []

    def look() -> bool:
        for process in psutil.process_iter():
            try:
                words = process.cmdline()
            except psutil.Error:
                continue
            if "submitit.core._submit" in words and run in words[-1] and process.children():
                found.append(process)
        return bool(found)

    wait_until(look, seconds=60, what="a batch job")
    return found[0]


def test_a_job_that_slurm_takes_its_node_from_goes_on(server, tmp_path):
    """By submitit's executor for one machine, which starts and signals as Slurm does."""
    options = ["--server", server.url, "--name", "slurm", "--data-dir", tmp_path / "worker"]
    options += ["--executor", "slurm", "--slurm-cluster", "local", "--slurm", "timeout_min=60"]
    options += ["--problems", PROBLEMS]
    environment = clean_environment(HESSIANFREE_TOKEN=TOKEN)
    with (
        server.client() as client,
        launched("work", *options, output=tmp_path / "log", environment=environment) as worker,
    ):
        worker.wait_for("is registered")
        run = submit(client, **ENDLESS, max_attempts=2)
        wait_for_step(client, run.id, 100)
        client.pause(run.id)
        wait_for_state(client, run.id, "paused")
        client.resume(run.id)
        wait_for_state(client, run.id, "running")
        job = batch_job(run.id)
        (runner,) = job.children()
        assert TOKEN not in {*job.environ().values(), *runner.environ().values()}
        job.send_signal(
            signal.SIGUSR2
        )  # as before the time is over, or when somebody else is to have the node
        wait_until(lambda: len(client.attempts(run.id)) == 2, seconds=60, what="the next attempt")
        wait_for_step(client, run.id, client.run(run.id).progress.step + 10)
        first, second = client.attempts(run.id)
        assert (first.outcome, first.error) == ("interrupted", "The job was told to stop.")
        assert second.resumed_from >= 100

        batch_job(run.id).kill()  # scancel, a node that fails
        run = wait_for_state(client, run.id, "failed")
        assert run.cause == "lost"
        assert run.error.startswith("Slurm ended its batch job ")
        assert steps_of(client, run.id) == list(range(1, run.progress.step + 1))
        assert worker.stop() == 0


def test_a_batch_job_ends_when_its_agent_shows_no_more_sign_of_life(tmp_path):
    class Runner:
        has_ended = False

        def kill(self) -> None:
            self.has_ended = True

    runner = Runner()
    (tmp_path / attendance.CONTROL).touch()
    attendance.listen(tmp_path, runner)  # the agent's file is not there: it has given the attempt up
    assert runner.has_ended
    runner = Runner()
    (tmp_path / attendance.SIGN_OF_LIFE).touch()
    attendance.listen(tmp_path, runner, silence_seconds=0.1)
    assert runner.has_ended


def test_what_cannot_be_set_is_said_before_any_job_is_claimed():
    with pytest.raises(LabError, match="--slurm nodes: that follows from the job's resources"):
        SlurmExecutor(parameters={"nodes": "2"}, cluster="local")
    with pytest.raises(LabError, match=r"Batch jobs cannot be set up here: .*patrition"):
        SlurmExecutor(parameters={"patrition": "gpu"}, cluster="local")
    with pytest.raises(LabError, match=r"Batch jobs cannot be set up here: .*slurm"):  # none is installed
        SlurmExecutor(parameters={})


def test_gpus_of_the_nodes_are_announced():
    parameters = {"gpus_per_node": "4", "partition": "gpu", "timeout_min": "60"}
    capacity = SlurmExecutor(parameters=parameters, slots=7, cluster="local").capacity()
    assert capacity.slots == 7
    assert [device.name for device in capacity.devices] == ["cpu", "cuda:0", "cuda:1", "cuda:2", "cuda:3"]
