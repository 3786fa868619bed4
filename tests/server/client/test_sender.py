"""The sender against real servers: everything once, whatever happens on the way."""

import signal
import threading
import time

import pytest

from hessianfree_lab.client import Client
from hessianfree_lab.client.sender import Progress
from hessianfree_lab.client.spool import Sent
from hessianfree_lab.records import (
    Announcement,
    CGTrace,
    FinishRequest,
    OptimizerInfo,
    ProblemInfo,
    ScriptRun,
    StepRecord,
)
from server.client.lab_server import lab_server
from server.client.recorder import Recorder, stored
from system.launch import wait_until

pytestmark = pytest.mark.system  # whole processes
DRAIN_SECONDS = 30.0


@pytest.fixture
def recorder(client, run_id, tmp_path):
    recorder = Recorder(client, tmp_path, run_id)
    yield recorder
    recorder.sender.stop()
    recorder.lock.close()


def lines(client, run_id):
    return [(line["number"], line["text"]) for line in client.logs(run_id)["lines"]]


def test_records_and_output_arrive_while_they_are_made(client, run_id, recorder):
    recorder.sender.start()
    recorder.append(1, loss=1.0)
    wait_until(lambda: stored(client, run_id) == [1], seconds=30, what="step 1")
    recorder.print("hello\n")
    wait_until(lambda: lines(client, run_id) == [(0, "hello")], seconds=30, what="a line")
    recorder.append(2, 3, loss=0.5)
    recorder.print("no newline")
    assert recorder.sender.drain(DRAIN_SECONDS)
    assert stored(client, run_id) == [1, 2, 3]
    assert lines(client, run_id) == [(0, "hello"), (1, "no newline")]


def test_a_step_is_stored_soon_after_it_is_appended(client, run_id, recorder):
    recorder.sender.start()
    waits = []
    for step in range(1, 11):
        started = time.perf_counter()
        recorder.append(step, loss=1.0)
        while client.run(run_id).progress.step < step:
            assert time.perf_counter() - started < 5
        waits.append(time.perf_counter() - started)
    assert sorted(waits)[5] < 2  # no batch is held back until it is worth a request


def test_twenty_thousand_steps_arrive_once_each(client, run_id, recorder):
    recorder.append(*range(1, 20_001), loss=1.0)
    recorder.sender.start()
    assert recorder.sender.drain(60)
    assert client.run(run_id).progress.step == 20_000
    assert client.metrics(run_id, ["loss"], max_points=10).total == 20_000


def test_a_server_that_is_away_is_waited_for(tmp_path):
    with lab_server(tmp_path) as server, server.client() as client:
        run_id = client.create_run(ScriptRun(name="away")).id
        recorder = Recorder(client, tmp_path / "spool", run_id)
        recorder.sender.start()
        recorder.append(1, 2, loss=1.0)
        wait_until(lambda: stored(client, run_id) == [1, 2], seconds=10, what="the first steps")
        server.end(signal.SIGKILL)
        recorder.append(*range(3, 36_001), loss=1.0)  # an hour, at ten steps a second
        recorder.print("while it was away\n")
        assert not recorder.sender.drain(1.0)
        server.start()
        assert recorder.sender.drain(2 * DRAIN_SECONDS)
        assert stored(client, run_id) == list(range(1, 36_001))
        assert lines(client, run_id) == [(0, "while it was away")]
        recorder.lock.close()


def test_a_killed_server_in_the_middle_of_a_stream_loses_and_doubles_nothing(tmp_path):
    with lab_server(tmp_path) as server, server.client() as client:
        run_id = client.create_run(ScriptRun(name="stream")).id
        recorder = Recorder(client, tmp_path / "spool", run_id)
        recorder.sender.start()

        def produce():
            for step in range(1, 1001):
                recorder.append(step, loss=1.0)
                recorder.print(f"line {step}\n")
                time.sleep(0.002)

        producer = threading.Thread(target=produce)
        producer.start()
        for _ in range(2):
            time.sleep(0.4)
            server.end(signal.SIGKILL)
            server.start()
        producer.join()
        assert recorder.sender.drain(DRAIN_SECONDS)
        assert stored(client, run_id) == list(range(1, 1001))
        found, after = [], None
        while (answer := client.logs(run_id, after=after, limit=500))["lines"]:
            found += [(line["number"], line["text"]) for line in answer["lines"]]
            after = answer["next"]
        assert found == [(n - 1, f"line {n}") for n in range(1, 1001)]
        recorder.lock.close()


def test_whoever_takes_a_spool_over_goes_on_where_it_was(client, run_id, recorder):
    recorder.append(1, 2, loss=1.0)
    recorder.print("a\nb\n")
    recorder.sender.start()
    wait_until(lambda: stored(client, run_id) == [1, 2], seconds=30, what="two steps")
    recorder.sender.stop()
    wait_until(
        lambda: recorder.sender.progress is Progress.ABANDONED, seconds=30, what="the end of the first"
    )
    recorder.append(3, loss=1.0)
    recorder.print("c\n")
    second = recorder.sender_of(client)
    second.start()
    assert second.drain(DRAIN_SECONDS)
    assert stored(client, run_id) == [1, 2, 3]
    assert lines(client, run_id) == [(0, "a"), (1, "b"), (2, "c")]


def test_a_batch_whose_answer_was_lost_is_sent_again_with_the_same_numbers(client, run_id, recorder):
    recorder.append(1, loss=1.0)
    recorder.print("a\n")
    recorder.sender.start()
    assert recorder.sender.drain(DRAIN_SECONDS)
    sent = Sent.read(recorder.spool.directory)
    # As a process leaves it that dies after the server has stored the batch, and before it hears of it.
    Sent(done=type(sent.done)(), underway=sent.done).write(recorder.spool.directory)
    recorder.print("b\n")
    with (recorder.spool.directory / "stderr.log").open("w") as file:
        file.write("e\n")
    second = recorder.sender_of(client)
    second.start()
    assert second.drain(DRAIN_SECONDS)
    assert lines(client, run_id) == [(0, "a"), (1, "b"), (2, "e")]


def test_an_ended_attempt_is_fenced_and_its_owner_told(client, run_id, recorder):
    client.finish(run_id, FinishRequest(state="completed"))
    recorder.append(1, loss=1.0)
    recorder.sender.start()
    wait_until(lambda: bool(recorder.refusals), seconds=30, what="the refusal")
    assert recorder.refusals[0].status == 409
    assert recorder.sender.progress is Progress.REFUSED
    assert not recorder.sender.drain(5)
    assert stored(client, run_id) == []


def test_a_deleted_run_is_a_refusal(client, run_id, recorder):
    client.finish(run_id, FinishRequest(state="completed"))
    client.request("DELETE", f"/runs/{run_id}")
    recorder.append(1)
    recorder.sender.start()
    wait_until(lambda: bool(recorder.refusals), seconds=30, what="the refusal")
    assert recorder.refusals[0].status == 404


def test_a_cancel_comes_with_the_answer(client, tmp_path):
    schema = {"type": "object"}
    toy = {"name": "toy", "title": "Toy", "description": "", "params_schema": schema}
    announcement = Announcement(
        name="w", host="h", pid=1, problems=[ProblemInfo(**toy)], optimizers=[OptimizerInfo(**toy)]
    )
    worker = client.register(announcement).id
    run = client.submit({"problem": "toy", "optimizer": "toy"})
    assert client.claim(worker, 5).run == run.id
    recorder = Recorder(client, tmp_path, run.id)
    recorder.sender.start()
    client.cancel(run.id)
    recorder.append(1)
    wait_until(lambda: recorder.commands == ["cancel"], seconds=30, what="the command")
    recorder.sender.stop()
    recorder.lock.close()
    client.leave(worker)


def test_batches_the_server_finds_too_large_are_cut(tmp_path):
    with lab_server(tmp_path, max_body_bytes=20_000) as server, server.client() as client:
        run_id = client.create_run(ScriptRun(name="narrow")).id
        recorder = Recorder(client, tmp_path / "spool", run_id)
        recorder.append(*range(1, 501), loss=1.0)
        recorder.writer.append(StepRecord(step=501), CGTrace(step=501, model_values=[0.1] * 10_000))
        recorder.append(502, loss=1.0)
        recorder.sender.start()
        recorder.print("after all that\n")
        assert recorder.sender.drain(DRAIN_SECONDS)
        assert client.run(run_id).progress.step == 502
        assert len(client.metrics(run_id, ["loss"], max_points=1000).steps) == 502
        texts = [text for _, text in lines(client, run_id)]
        assert sorted(texts) == [
            "Not recorded: the CG trace of step 501 is larger than the server accepts.",
            "after all that",
        ]
        recorder.lock.close()


def test_a_wrong_token_is_waited_out(tmp_path):
    with lab_server(tmp_path, token="right") as server, server.client() as client:
        run_id = client.create_run(ScriptRun(name="token")).id
        with Client(server.url, "wrong") as stranger:
            recorder = Recorder(stranger, tmp_path / "spool", run_id)
            recorder.append(1, loss=1.0)
            recorder.sender.start()
            assert not recorder.sender.drain(0.5)
            assert recorder.sender.progress is Progress.SENDING
            recorder.sender.stop()
        second = recorder.sender_of(client)
        second.start()
        assert second.drain(DRAIN_SECONDS)
        assert stored(client, run_id) == [1]
        recorder.lock.close()
