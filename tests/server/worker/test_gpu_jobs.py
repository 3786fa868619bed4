"""A worker that believes to have two GPUs: what it claims, and what its jobs get to see."""

import sys
from pathlib import Path

import pytest

from server.client.lab_server import lab_server
from server.worker import two_gpus
from server.worker.drivers import GIB
from server.worker.workers import wait_for_state, worker
from system.launch import wait_until

pytestmark = pytest.mark.system  # a server, and jobs that load torch

# It says where it is, and fails as where a GPU does, before it needs one.
OWN = """
import os
from pydantic import model_validator
from hessianfree_lab.training.problems import Params, Parts, problem

print(os.environ["CUDA_VISIBLE_DEVICES"], os.environ["HESSIANFREE_GPU_MEMORY_FRACTION"], flush=True)

class Options(Params):
    @model_validator(mode="before")
    def fail(values):
        raise RuntimeError("CUDA error: uncorrectable ECC error encountered")

@problem(title="Bowl")
def bowl(options: Options, generator) -> Parts: ...
"""


def test_a_job_sees_its_gpu_alone_and_one_that_fails_under_it_gets_no_other(tmp_path):
    (tmp_path / "problems").mkdir()
    (tmp_path / "problems" / "own.py").write_text(OWN, encoding="utf-8")
    variables = {"HESSIANFREE_PROBLEMS": str(tmp_path / "problems")}
    with lab_server(tmp_path / "server") as server, server.client() as client:
        command = [sys.executable, str(Path(two_gpus.__file__)), server.url, "gpus", str(tmp_path / "w")]
        # Without the variable that hides this machine's own GPUs from the tests.
        command = ["env", "--unset=CUDA_VISIBLE_DEVICES", *command]
        with worker(server, tmp_path / "w", name="gpus", command=command, variables=variables) as process:
            trains_on_what_it_has(client, process)


def trains_on_what_it_has(client, process):
    (told,) = client.workers()
    assert (told.slots, [device.uuid for device in told.devices]) == (2, [None, "GPU-a", "GPU-b"])
    wait_until(lambda: len(client.workers()[0].load) == 3, seconds=30, what="it tells its load")
    loads = {load.device: load for load in client.workers()[0].load}
    assert (loads["cuda:1"].utilisation, loads["cuda:1"].memory_used_bytes) == (0.5, 3 * GIB)

    pinned = client.submit({"problem": "bowl", "device": "cuda:1", "max_attempts": 1})
    run = wait_for_state(client, pinned.id, "failed")
    assert (run.cause, run.error) == (
        "device",
        "The GPU failed: CUDA error: uncorrectable ECC error encountered",
    )
    assert [line["text"] for line in client.logs(run.id)["lines"]] == ["GPU-b 0.500000"]
    assert any(f"({run.id}), attempt 1: on cuda:1." in line for line in process.text().splitlines())
    wait_until(
        lambda: "cuda:1 gets no other job until this worker is started anew." in process.text(),
        seconds=10,
        what="it says so",
    )
    wait_until(
        lambda: any(load.note for load in client.workers()[0].load), seconds=30, what="the page says so"
    )
    # What waits for that one, or for both, is not claimed; another one is.
    held = [
        client.submit({"problem": "bowl", "device": "cuda:1", "priority": 9}),
        client.submit({"problem": "bowl", "resources": {"gpus": 2}, "priority": 9}),
    ]
    other = client.submit({"problem": "bowl", "max_attempts": 1})
    run = wait_for_state(client, other.id, "failed")
    assert run.cause == "device"
    assert [line["text"] for line in client.logs(run.id)["lines"]] == ["GPU-a 0.500000"]
    assert [client.run(each.id).state for each in held] == ["queued", "queued"]
