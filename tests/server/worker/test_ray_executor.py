"""Jobs on a Ray cluster: announced, shipped, steered, and gone on with when their node is gone."""

import shutil
import sys
import time

import pytest

from hessianfree_lab.errors import LabError
from hessianfree_lab.worker.executors.ray_cluster import RayExecutor
from server.client.lab_server import lab_server
from server.worker.ray_nodes import ray_nodes
from server.worker.workers import PROBLEMS, RUN_SECONDS, steps_of, submit, wait_for_state, wait_for_step
from system.launch import clean_environment, launched, wait_until

pytestmark = pytest.mark.system  # whole processes

TOKEN = "the-secret-of-this-server"
ENDLESS = {"budget": {"steps": 1_000_000}, "checkpoint_every": 50}
LINE = {"problem": "line", "budget": {"steps": 4}, "dtype": "float64"}

# It takes a while, and all cases of a step are on others.
SHARED = {
    "problem": "digits-classifier",
    "problem_params": {"batch_size": 301},
    "optimizer_params": {"cg_max_iter": 5},
    "dtype": "float64",
    "checkpoint_every": 5,
    "budget": {"steps": 1_000_000},
    "resources": {"processes": 2},
}

PROBLEM = '''
import os

import torch
from hessianfree_lab.training.problems import Parts, problem

@problem(title="A line")
def line(generator: torch.Generator) -> Parts:
    """Says where it is built."""
    print("problems in", os.environ["HESSIANFREE_PROBLEMS"])
    print("datasets in", os.environ["HESSIANFREE_DATASETS"])
    print("rank", os.environ.get("RANK", 0), "of", os.environ.get("WORLD_SIZE", 1))
    print("secrets", [name for name, value in os.environ.items() if "of-this-server" in value])
    inputs = torch.randn(50, 1, generator=generator)
    return Parts(model=torch.nn.Linear(1, 1), loss_function=torch.nn.MSELoss(), training=(inputs, 2 * inputs))
'''


@pytest.fixture(scope="module")
def nodes():
    with ray_nodes() as nodes:
        yield nodes


@pytest.fixture(scope="module")
def server(nodes, tmp_path_factory):
    with lab_server(tmp_path_factory.mktemp("server"), token=TOKEN, host=nodes.head.outside) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def worker(server, nodes, tmp_path_factory):
    """`hessianfree work --executor ray`, with a problem of its own and a storage that all nodes share."""
    folder = tmp_path_factory.mktemp("worker")
    problems = folder / "problems"
    shutil.copytree(PROBLEMS, problems)
    (problems / "line.py").write_text(PROBLEM)
    options = ["--server", server.url, "--name", "ray", "--data-dir", folder, "--problems", problems]
    options += ["--executor", "ray", "--address", nodes.address, "--storage", folder / "storage"]
    options += ["--datasets", folder]
    environment = clean_environment(HESSIANFREE_TOKEN=TOKEN)
    with launched(
        "work", *options, output=folder / "log", environment=environment, within=nodes.head.within
    ) as worker:
        worker.wait_for("is registered")
        yield worker


def capacity(client):
    (entry,) = [entry for entry in client.workers() if entry.state != "gone"]
    return entry.slots, entry.devices[0].title


def lines(client, run):
    return [line["text"] for line in client.logs(run.id)["lines"]]


def test_the_cluster_is_announced_and_gets_what_a_job_needs(client, worker):
    assert capacity(client) == (1, "Ray cluster, 1 node, 1 CPUs")
    run = submit(client, problem="line", budget={"steps": 3})
    run = wait_for_state(client, run.id, "completed")
    assert steps_of(client, run.id) == [1, 2, 3]
    assert run.environment["torch"]
    printed = lines(client, run)
    (where,) = [text for text in printed if text.startswith("problems in")]
    assert "working_dir_files" in where  # a copy that Ray has brought to the node
    assert any(text.startswith("datasets in /") for text in printed)
    assert "secrets []" in printed
    assert any(text.startswith("It runs on the node ") for text in printed)


def test_a_job_that_the_cluster_has_no_room_for_says_so_and_can_be_cancelled(client, worker):
    run = submit(client, problem="digits-classifier", resources={"processes": 2})
    told = (
        "The Ray cluster has no room for 2 processes with 1 CPU and 0 GPUs each at all: the job waits for it."
    )
    wait_until(
        lambda: told in lines(client, run), seconds=RUN_SECONDS, what="the reason why it does not start"
    )
    client.cancel(run.id)
    wait_for_state(client, run.id, "cancelled")


def test_a_job_on_two_nodes_is_as_on_one_and_outlives_one_of_them(client, worker, nodes):
    alone = wait_for_state(client, submit(client, **LINE).id, "completed")
    waiting = submit(client, **LINE, resources={"processes": 2})
    nodes.have_two()
    shared = wait_for_state(client, waiting.id, "completed")
    for name in ("loss", "damping", "cg_iterations", "step_norm"):
        ours, theirs = (client.metrics(run.id, [name]).values[name] for run in (shared, alone))
        assert ours == pytest.approx(theirs, rel=1e-8), name
    printed = lines(client, shared)
    assert any(text.startswith("Its 2 processes run on ") for text in printed)
    assert sorted(text for text in printed if text.startswith("rank")) == ["rank 0 of 2", "rank 1 of 2"]

    run = submit(client, **SHARED)
    wait_for_step(client, run.id, 10)
    nodes.kill()
    wait_until(
        lambda: client.attempts(run.id)[0].outcome == "interrupted",
        seconds=RUN_SECONDS,
        what="the loss is told",
    )
    assert client.attempts(run.id)[0].error.startswith("The node of the Ray cluster")
    nodes.have_two()
    wait_for_step(client, run.id, client.run(run.id).progress.step + 5)
    assert client.attempts(run.id)[1].resumed_from >= 5

    # A process of it that is killed is what its attempt ended of, not what rank 0 says of its connection.
    (follower,) = nodes.jobs("hessianfree_lab.worker.follower")
    follower.kill()
    wait_until(
        lambda: client.attempts(run.id)[1].outcome == "interrupted", seconds=RUN_SECONDS, what="that is told"
    )
    assert client.attempts(run.id)[1].cause == "killed"
    client.cancel(run.id)
    wait_for_state(client, run.id, "cancelled")
    wait_until(lambda: not nodes.jobs("hessianfree_lab.worker."), seconds=30, what="nothing of it is left")


def test_a_job_whose_node_dies_goes_on_elsewhere(client, worker, nodes):
    nodes.have_two()
    wait_until(lambda: capacity(client)[0] == 2, seconds=60, what="the worker has noticed the new node")
    runs = [submit(client, **ENDLESS) for _ in range(2)]
    for run in runs:
        wait_for_step(client, run.id, 200)
    nodes.kill()
    attempts = {run.id: 1 for run in runs}

    def lost() -> bool:
        attempts.update({run.id: len(client.attempts(run.id)) for run in runs})
        ended = {run.id: client.attempts(run.id)[0].outcome for run in runs}
        return "interrupted" in ended.values()

    wait_until(lost, seconds=RUN_SECONDS, what="the loss is told")
    (hit,) = [run for run in runs if client.attempts(run.id)[0].outcome]
    (spared,) = [run for run in runs if run is not hit]
    assert client.attempts(hit.id)[0].error.startswith("The node of the Ray cluster")
    wait_until(lambda: capacity(client)[0] == 1, seconds=60, what="the worker has noticed the loss")

    client.pause(spared.id)
    wait_for_state(client, spared.id, "paused")
    client.resume(spared.id)
    wait_for_state(client, spared.id, "running")
    started = time.monotonic()
    client.cancel(spared.id)
    wait_for_state(client, spared.id, "cancelled")
    assert time.monotonic() - started < 10

    before = client.run(hit.id).progress.step
    wait_for_step(client, hit.id, before + 10)
    _, second = client.attempts(hit.id)
    assert second.resumed_from >= 50
    assert worker.stop() == 0
    run = client.run(hit.id)
    assert (run.state, client.attempts(hit.id)[1].outcome) == ("queued", "interrupted")
    assert steps_of(client, run.id) == list(range(1, run.progress.step + 1))


def test_what_cannot_be_reached_is_said_at_once(monkeypatch):
    started = time.monotonic()
    with pytest.raises(LabError, match=r"^No Ray cluster answers at 127.0.0.1:1: connection refused.$"):
        RayExecutor("127.0.0.1:1")
    assert time.monotonic() - started < 10
    with pytest.raises(
        LabError, match="--address is 'nowhere'; it must be auto, HOST:PORT or ray://HOST:PORT"
    ):
        RayExecutor("nowhere")
    monkeypatch.setitem(sys.modules, "ray", None)  # as where it is not installed
    with pytest.raises(LabError, match=r"pip install 'hessianfree-lab\[ray\]'"):
        RayExecutor("auto")
