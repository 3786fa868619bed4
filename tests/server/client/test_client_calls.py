"""The client's methods against a real server."""

import math
import threading
import time
from itertools import product

import pytest

from hessianfree_lab.cli.lookup import find_run
from hessianfree_lab.client import Client, ClientError, ServerUnreachable
from hessianfree_lab.errors import InvalidRequest, RunNotFound
from hessianfree_lab.records import (
    Announcement,
    CGTrace,
    FinishRequest,
    Heartbeat,
    HeldRun,
    IngestBatch,
    Landscape,
    LogLine,
    OptimizerInfo,
    ProblemInfo,
    ScriptRun,
    StepRecord,
)
from server.client.lab_server import lab_server
from server.makers import spectrum
from system.launch import wait_until

pytestmark = pytest.mark.system  # whole processes

SCHEMA = {
    "type": "object",
    "properties": {"size": {"type": "integer", "minimum": 1, "default": 3}},
    "additionalProperties": False,
}


def announcement(name: str = "tester") -> Announcement:
    return Announcement(
        name=name,
        host="here",
        pid=1,
        problems=[ProblemInfo(name="toy", title="Toy", description="", params_schema=SCHEMA)],
        optimizers=[OptimizerInfo(name="step", title="Step", description="", params_schema=SCHEMA)],
    )


@pytest.fixture
def worker(client):
    identity = client.register(announcement())
    yield identity.id
    client.leave(identity.id)
    for run in client.jobs():
        client.cancel(run.id)


def submit(client, **fields):
    return client.submit({"problem": "toy", "optimizer": "step", **fields})


def test_a_job_goes_through_queue_claim_records_and_finish(client, worker):
    submitted = submit(client, name="whole way")
    assert submitted.state == "queued"
    assert submitted.id in [run.id for run in client.jobs()]

    assignment = client.claim(worker, 5)
    assert (assignment.run, assignment.attempt) == (submitted.id, 1)
    assert assignment.spec.problem_params == {"size": 3}
    reply = client.send(
        submitted.id,
        IngestBatch(
            steps=[StepRecord(step=n, seconds=n, metrics={"loss": 1 / n}) for n in (1, 2, 3)],
            cg=[CGTrace(step=2, stop="enough", model_values=[0.0, -1.0])],
            spectra=[spectrum(1)],
            logs=[LogLine(number=0, text="hello")],
            landscape=Landscape(x=[0, 1], y=[0], z=[[1, 2]]),
        ),
    )
    assert reply.last_step == 3
    assert client.heartbeat(worker, Heartbeat(runs=[HeldRun(run=submitted.id, attempt=1)])).commands == []
    assert client.finish(submitted.id, FinishRequest(state="completed")).state == "completed"

    assert client.run(submitted.id).progress.step == 3
    assert client.trace(submitted.id, 2).model_values == [0.0, -1.0]
    assert client.spectrum_steps(submitted.id) == [1]
    assert client.spectrum(submitted.id, 1) == spectrum(1)
    assert client.landscape(submitted.id).z == [[1, 2]]
    assert [line["text"] for line in client.logs(submitted.id)["lines"]] == ["hello"]
    found = client.runs("loss.min < 1", q="whole way", state="completed", limit=5)
    assert [run.id for run in found] == [submitted.id]
    assert client.table(["id", "step"], q="whole way") == [{"id": submitted.id, "step": 3}]


def test_the_same_key_is_the_same_job(client, worker):
    spec = {"problem": "toy", "optimizer": "step"}
    first = client.submit(spec, idempotency_key="once")
    assert client.submit(spec, idempotency_key="once").id == first.id
    assert client.submit(spec, idempotency_key="twice").id != first.id


def test_a_sweep_of_a_thousand_configurations_is_answered_soon(client, worker):
    """Alone it takes some hundredths of a second, see docs/sweeps.md; the machine may be busy with others."""
    values = list(range(1, 101))
    space = {"problem_params.size": values, "optimizer_params.size": {"low": 1, "high": 10}}
    spec = {"base": {"problem": "toy", "optimizer": "step"}, "search": {"method": "grid", "space": space}}
    began = time.perf_counter()
    begun = client.sweeps.submit(spec, idempotency_key="a thousand")
    assert time.perf_counter() - began < 10
    assert client.sweeps.submit(spec, idempotency_key="a thousand").id == begun.id
    wait_until(
        lambda: client.sweeps.get(begun.id).trials["queued"] == 1000, seconds=30, what="all are queued"
    )
    tried = [trial.params for trial in client.sweeps.trials(begun.id)]
    assert tried == [dict(zip(space, pair, strict=True)) for pair in product(values, range(1, 11))]
    assert client.sweeps.cancel(begun.id).trials["cancelled"] == 1000


def test_cancelling_a_queued_job_and_then_once_more(client, worker):
    run = submit(client)
    assert client.cancel(run.id).state == "cancelled"
    with pytest.raises(ClientError) as refused:
        client.cancel(run.id)
    assert (refused.value.status, refused.value.state) == (409, "cancelled")
    assert "cancelled" in refused.value.detail


def test_what_is_wrong_with_a_spec_is_said_with_its_path(client, worker):
    with pytest.raises(ClientError) as refused:
        submit(client, problem_params={"size": 0})
    assert refused.value.status == 422
    assert [fault.path for fault in refused.value.errors] == ["problem_params.size"]
    assert "size" in str(refused.value)


def test_a_run_that_is_not_there(client):
    with pytest.raises(ClientError, match="no run 'nowhere'") as refused:
        client.run("nowhere")
    assert refused.value.status == 404


def test_infinities_and_nan_survive_both_ways(client, run_id):
    losses = [1.0, math.inf, -math.inf, math.nan]
    steps = [StepRecord(step=n, metrics={"loss": loss}) for n, loss in enumerate(losses, 1)]
    client.send(run_id, IngestBatch(steps=steps))
    series = client.metrics(run_id, ["loss"])
    assert series.values["loss"][:3] == losses[:3]
    assert math.isnan(series.values["loss"][3])
    assert series.steps == [1, 2, 3, 4]


def test_a_range_of_one_metric_over_seconds(client, run_id):
    steps = [StepRecord(step=n, seconds=n / 2, metrics={"a": n, "b": -n}) for n in range(1, 11)]
    client.send(run_id, IngestBatch(steps=steps))
    series = client.metrics(run_id, ["b"], x="seconds", start=3, stop=5)
    assert series.x == [1.5, 2.0, 2.5]
    assert series.values == {"b": [-3, -4, -5]}
    assert (series.total, series.sampled) == (3, False)


def test_a_claim_waits_for_a_job_and_returns_with_it_at_once(client, worker):
    claimed = []
    thread = threading.Thread(target=lambda: claimed.append((client.claim(worker, 20), time.monotonic())))
    thread.start()
    time.sleep(0.3)
    submitted_at = time.monotonic()
    run = submit(client)
    thread.join(20)
    ((assignment, at),) = claimed
    assert assignment.run == run.id
    assert at - submitted_at < 10  # half of what it would wait
    client.finish(run.id, FinishRequest(state="completed"))


def test_a_claim_without_a_job_ends_with_nothing(client, worker):
    started = time.monotonic()
    assert client.claim(worker, 0.3) is None
    assert 0.2 < time.monotonic() - started < 15


def test_who_is_there_and_what_can_be_trained(client, worker):
    assert worker in [entry.id for entry in client.workers()]
    assert "toy" in [problem.name for problem in client.problems()]
    assert "step" in [optimizer.name for optimizer in client.optimizers()]


def test_an_unknown_worker_is_told_to_register(client):
    with pytest.raises(ClientError, match="register again") as refused:
        client.claim("nobody", 0)
    assert refused.value.status == 404


def test_ready(client):
    assert client.ready()
    with Client("http://127.0.0.1:9") as nobody:
        assert not nobody.ready()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "127.0.0.1:8765", "http://no.such.host.invalid"])
def test_no_server_is_said_with_its_address(url):
    with Client(url) as nobody, pytest.raises(ServerUnreachable, match="No server answers at") as refused:
        nobody.runs().page()
    assert url in str(refused.value)
    assert refused.value.status == 0


def test_a_token_is_shown(tmp_path):
    with lab_server(tmp_path, token="s3cret") as server:
        with server.client() as friend:
            assert list(friend.runs()) == []
        with Client(server.url, "guess") as stranger, pytest.raises(ClientError) as refused:
            list(stranger.runs())
        assert refused.value.status == 401
        with Client(server.url) as stranger:
            assert stranger.ready()


def test_a_body_too_large_is_a_413(client):
    with pytest.raises(ClientError) as refused:
        client.submit({"problem": "toy", "notes": "x" * 2_000_000})
    assert refused.value.status == 413


def test_runs_are_iterated_over_page_by_page(client):
    names = [f"page {number}" for number in range(203)]
    for name in names:
        client.create_run(ScriptRun(name=name, problem="paged"))
    found = client.runs("problem = paged", sort="created")
    assert [run.name for run in found] == names
    assert found.total == 203
    assert [run.name for run in client.runs(problem="paged", sort="-created", limit=2)] == names[:-3:-1]
    assert len(list(client.runs(problem="paged", limit=201))) == 201


def test_a_filter_that_is_none_says_where(client):
    with pytest.raises(ClientError) as refused:
        list(client.runs("loss.min <"))
    (fault,) = refused.value.errors
    assert fault.path == "filter"
    assert fault.message.startswith("At character 11: a value was expected")


class Watched:
    """A client, and how many runs each of its questions was answered with."""

    def __init__(self, client: Client) -> None:
        self.run = client.run
        self.answered: list[int] = []
        self._client = client

    def runs(self, **asked):
        found = self._client.runs(**asked)
        self.answered.append(found.total)
        return found


def test_a_short_id_is_looked_up_by_the_server(client):
    ids = [client.create_run(ScriptRun(name=f"run {number}")).id for number in range(3)]
    watched = Watched(client)
    assert find_run(watched, f" {ids[1][-8:].upper()} ").id == ids[1]
    assert watched.answered == [1]
    assert find_run(watched, ids[2]).id == ids[2]
    with pytest.raises(InvalidRequest, match=r"is short for \d+ runs"):
        find_run(watched, ids[0][:8])
    for nothing in ("", "zzz", '" or name : "', "%", "0" * 35):
        with pytest.raises(RunNotFound):
            find_run(watched, nothing)
