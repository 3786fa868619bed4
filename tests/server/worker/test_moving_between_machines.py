"""Workers that share nothing but a server and a storage: a job moves from one to the other, and goes on to the bit."""

import json

import pytest
import torch

from hessianfree_lab.storage.location import objects_of
from hessianfree_lab.storage.shelf import SEAL
from server.client.lab_server import lab_server
from server.training.resumption import NOT_REPEATED
from server.training.sessions import records_of, session
from server.worker.network import network
from server.worker.workers import PROBLEMS, QUICK, steps_of, submit, wait_for_state, wait_for_step
from system.launch import clean_environment, launched, wait_until

pytestmark = pytest.mark.system  # every job loads torch

LEASE_SECONDS = 3.0


def repeated(records):
    """Of every step what is the same whenever it is made."""
    return [
        {
            name: value
            for name, value in record.items()
            if name not in ("wall_time", "seconds") and not name.startswith(("seconds_", *NOT_REPEATED))
        }
        for record in records
    ]


def undisturbed(steps):
    """The same job as it goes by itself."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the processes of the others
    try:
        records = records_of(session(**QUICK | {"problem": "quadratic"}, steps=steps))
    finally:
        torch.set_num_threads(threads)
    return [{"step": record.step, **record.metrics} for record in records]


def test_a_job_whose_machine_is_gone_goes_on_to_the_bit_on_another_one(s3, tmp_path):
    storage = s3.new_storage()

    def kept(run_id):
        found = [stored.key.split("/") for stored in objects_of(storage, "checkpoints", run_id).listing()]
        return {name for name, file in found if file == SEAL}

    def working(name, *, environment):
        arguments = ("work", "--server", server.url, "--name", name, "--storage", storage)
        arguments += ("--problems", PROBLEMS)
        folders = {"output": tmp_path / f"{name}.log", "environment": environment}
        return launched(*arguments, "--data-dir", tmp_path / name, **folders)

    with (
        lab_server(
            tmp_path / "lab", heartbeat_seconds=0.5, lease_seconds=LEASE_SECONDS, storage=storage
        ) as server,
        server.client() as client,
    ):
        with (
            network(s3.endpoint) as between,
            working("one", environment=clean_environment(AWS_ENDPOINT_URL=between.url)) as first,
        ):
            first.wait_for("is registered")
            between.cut()
            moved = submit(client, budget={"steps": None})
            wait_until(lambda: between.held > 0, seconds=90, what="a checkpoint is on its way")
            # The storage is silent; the job trains on, and has not given the storage up.
            wait_for_step(client, moved.id, client.run(moved.id).progress.step + 20)
            assert "No checkpoint" not in json.dumps(client.logs(moved.id))
            between.heal()
            wait_until(lambda: kept(moved.id), seconds=90, what="a checkpoint in the storage")
            first.process.kill()
        (tmp_path / "damaged").write_text("{}")
        objects_of(storage, "checkpoints", moved.id).put(
            tmp_path / "damaged", f"00000099-attempt-1-step-11/{SEAL}"
        )
        with working("two", environment=clean_environment(HESSIANFREE_LOG_FORMAT="json")) as second:
            wait_until(lambda: client.run(moved.id).attempt == 2, seconds=60, what="the other one has it")
            wait_for_step(client, moved.id, client.run(moved.id).progress.step + 20)
            last = client.run(moved.id).progress.step + 20
            client.set(moved.id, {"budget": {"steps": last}})
            last = wait_for_state(client, moved.id, "completed").progress.step
        said = [json.loads(line) for line in second.text().splitlines()]
        about = {(line.get("worker"), line.get("run"), line.get("attempt")) for line in said}
        assert {("two", None, None), ("two", moved.id, 2)} == about
        # What the job has to say of itself is said here, too.
        (told,) = [
            line for line in said if "The checkpoint of step 11 (attempt 1) cannot be" in line["message"]
        ]
        assert (told["run"], told["attempt"]) == (moved.id, 2)
        lost, went_on = client.attempts(moved.id)
        assert lost.outcome == "lost"
        assert went_on.resumed_from >= 10
        assert lost.worker != went_on.worker
        assert steps_of(client, moved.id) == list(range(1, last + 1))
        lines = client.request("GET", f"/runs/{moved.id}/metrics.jsonl").text.splitlines()
        assert repeated(map(json.loads, lines)) == repeated(undisturbed(last))
        # Nothing but the storage had them; with the run they go from there.
        assert not list(tmp_path.glob("*/checkpoints/*/0*"))
        client.request("DELETE", f"/runs/{moved.id}")
        wait_until(lambda: kept(moved.id) == set(), seconds=30, what="its checkpoints are gone")
