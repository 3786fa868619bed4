"""A worker with this machine's GPUs: jobs on them, their memory, and checkpoints that go to the CPU and back."""

import contextlib
import os

import pytest
import torch

from gpu.place import GPU
from hessianfree_lab.records import JobSpec
from hessianfree_lab.training.session import Session
from hessianfree_lab.worker.nvml import open_nvml
from server.client.lab_server import lab_server
from server.training.resumption import keep, taken_up
from server.worker.workers import submit, wait_for_state, wait_for_step, worker
from system.launch import HESSIANFREE, wait_until

IN_DOUBLE = {
    "problem": "digits-classifier",
    "problem_params": {"batch_size": 300, "hidden_size": 16},
    "optimizer": "hessianfree",
    "optimizer_params": {"damping": 1.0, "cg_max_iter": 10},
    "dtype": "float64",
    "budget": {"steps": 6},
}
ENDLESS = {"steps": 1_000_000}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with lab_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        yield client


@contextlib.contextmanager
def working(server, folder, *options):
    """A worker of the command line with these options."""
    name = folder.name
    command = [*HESSIANFREE, "work", "--server", server.url, "--name", name, "--data-dir", str(folder)]
    with worker(server, folder, name=name, command=[*command, *options]) as process:
        yield process


def told_by(client, name):
    return next(told for told in client.workers() if told.name == name and told.state != "gone")


def test_nvml_and_torch_mean_the_same_gpus():
    look = open_nvml().look()
    assert look.trouble is None
    here = {gpu.uuid.partition("-")[2]: gpu for gpu in look.gpus}
    seen = torch.cuda.get_device_properties(GPU)
    gpu = here[str(seen.uuid)]
    assert gpu.memory_total_bytes == pytest.approx(seen.total_memory, rel=0.1)
    if gpu.parent is None:
        assert 0 <= gpu.utilisation <= 1
        assert 0 < gpu.temperature_celsius < 150
    held = torch.ones(2**28, device=GPU)
    (after,) = (each for each in open_nvml().look().gpus if each.uuid == gpu.uuid)
    assert after.memory_used_bytes >= held.nbytes


def test_a_job_trains_on_the_gpu_that_the_worker_shows(server, client, tmp_path):
    with working(server, tmp_path / "one") as process:
        wait_until(lambda: len(told_by(client, "one").load) > 1, seconds=30, what="it tells its load")
        told = told_by(client, "one")
        assert told.slots == len(told.devices) - 1
        assert told.load[1].device == "cuda:0"
        assert told.load[1].memory_total_bytes
        run = wait_for_state(client, submit(client, device="cuda:0", **IN_DOUBLE).id, "completed")
        assert run.environment["device"] == "cuda:0"
        assert run.environment["device_title"] == told.devices[1].title
        assert run.environment["visible_devices"] == told.devices[1].uuid
        assert f"({run.id}), attempt 1: on cuda:0." in process.text()
        on_cpu = wait_for_state(client, submit(client, **IN_DOUBLE | {"device": "cpu"}).id, "completed")
        assert on_cpu.environment["device"] == "cpu"
        assert run.summary["loss"].last == pytest.approx(on_cpu.summary["loss"].last, rel=1e-6)


def test_memory_that_runs_out_ends_that_run_with_what_helps(server, client, tmp_path):
    with working(server, tmp_path / "small", "--gpu-memory-fraction", "0.005"):
        large = {  # 1.6 GB of sequences
            "problem": "addition",
            "problem_params": {"cases": 100_000, "length": 2000},
            "device": "cuda",
        }
        run = wait_for_state(client, submit(client, **large).id, "failed")
        assert (run.cause, run.attempt) == ("out_of_memory", 1)
        first = run.error.splitlines()[0]
        assert first.startswith("Out of memory: ")
        assert f"on {torch.cuda.get_device_name(GPU)}" in first
        assert "it may take" in first
        assert "--gpu-memory-fraction" in first
        # The worker goes on.
        small = submit(client, device="cuda", problem="rosenbrock", budget={"steps": 2})
        wait_for_state(client, small.id, "completed")


def test_two_jobs_share_a_gpu_where_that_is_wanted(server, client, tmp_path):
    with working(server, tmp_path / "shared", "--jobs-per-gpu", "2"):
        runs = [submit(client, device="cuda:0", budget=ENDLESS) for _ in range(3)]
        for run in runs[:2]:
            wait_for_step(client, run.id, 1)
        assert [client.run(run.id).state for run in runs] == ["running", "running", "queued"]
        assert len({client.run(run.id).environment["visible_devices"] for run in runs[:2]}) == 1
        for run in reversed(runs):
            client.cancel(run.id)
        for run in runs:
            wait_for_state(client, run.id, "cancelled")


def test_two_processes_train_on_two_gpus(server, client, tmp_path):
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    with working(server, tmp_path / "two"):
        spec = IN_DOUBLE | {"resources": {"gpus": 2, "processes": 2}}
        run = wait_for_state(client, submit(client, **spec).id, "completed")
        assert len(run.environment["visible_devices"].split(",")) == 2
        alone = [records[0].metrics["loss"] for records in Session(JobSpec(**IN_DOUBLE | {"device": "cpu"}))]
        assert run.summary["loss"].last == pytest.approx(alone[-1], rel=1e-6)


@pytest.mark.parametrize(("first", "then"), [("cuda", "cpu"), ("cpu", "cuda")])
@pytest.mark.parametrize("optimizer", ["hessianfree", "adam", "lbfgs", "kfac"])
def test_a_checkpoint_is_gone_on_from_elsewhere(tmp_path, optimizer, first, then):
    options = IN_DOUBLE["optimizer_params"] if optimizer == "hessianfree" else {}
    spec = IN_DOUBLE | {"optimizer": optimizer, "optimizer_params": options}
    if optimizer == "lbfgs":
        spec["problem_params"] = {"hidden_size": 16}
    whole = [records[0].metrics["loss"] for records in Session(JobSpec(**spec | {"device": first}))]
    begun = Session(JobSpec(**spec | {"device": first}))
    steps = iter(begun)
    for _ in range(3):
        next(steps)
    keep(begun, tmp_path)
    session = taken_up(JobSpec(**spec | {"device": then}), tmp_path)
    assert session.device.type == then
    rest = [records[0].metrics["loss"] for records in session]
    # K-FAC draws on the device that it is on.
    assert rest == pytest.approx(whole[3:], rel=0.5 if optimizer == "kfac" else 1e-5)


@pytest.mark.parametrize("problem", ["digits-autoencoder", "transformer", "addition", "poisson-pinn"])
def test_problems_of_every_kind_train_there(problem):
    session = Session(JobSpec(problem=problem, device="cuda", budget={"steps": 2}))
    losses = [records[0].metrics["loss_after"] for records in session]
    assert losses[-1] < losses[0]


def test_jobs_compute_convolutions_in_float32():
    """In TF32 they would be off by a thousandth."""
    Session(JobSpec(problem="rosenbrock", device="cuda", budget={"steps": 1}))
    images, kernels = torch.randn(8, 64, 16, 16), torch.randn(64, 64, 3, 3)
    expected = torch.nn.functional.conv2d(images.double(), kernels.double())
    found = torch.nn.functional.conv2d(images.to(GPU), kernels.to(GPU)).cpu().double()
    assert (found - expected).abs().max() / expected.abs().max() < 1e-5


def test_the_gpus_are_not_hidden_here():
    assert os.environ.get("CUDA_VISIBLE_DEVICES") != ""
