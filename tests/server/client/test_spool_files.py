"""The spool on disk: what is appended is there, whoever dies; what is read is read the same again."""

import json
import signal
import subprocess
import sys

import pytest

from hessianfree_lab.client.extents import (
    MAX_TEXT,
    next_extent,
    read_extent,
)
from hessianfree_lab.client.spool import Position, Sent, Spool, SpoolInUse
from hessianfree_lab.records import CGTrace, FinishRequest, Landscape, StepRecord
from server.client.spools import append, everything, steps_of, texts_of, write
from server.makers import spectrum
from system.launch import clean_environment


@pytest.fixture
def spool(tmp_path):
    spool, lock = Spool.create(tmp_path, run="r", attempt=2)
    yield spool
    lock.close()


def test_every_kind_of_record_comes_back(spool):
    writer = spool.writer()
    writer.append_environment({"torch": "2"})
    writer.append(Landscape(x=[0], y=[1], z=[[2]]))
    writer.append(StepRecord(step=1, metrics={"loss": float("nan")}), CGTrace(step=1, stop="s"), spectrum(1))
    (extent,) = everything(spool)
    batch = extent.batch
    assert batch.attempt == 2
    assert batch.environment == {"torch": "2"}
    assert batch.landscape == Landscape(x=[0], y=[1], z=[[2]])
    assert [trace.stop for trace in batch.cg] == ["s"]
    assert batch.spectra == [spectrum(1)]
    assert batch.steps[0].metrics["loss"] != batch.steps[0].metrics["loss"]


def test_a_spectrum_too_large_for_the_server_is_named_in_the_log(spool):
    spool.writer().append(spectrum(7))
    (extent,) = everything(spool)
    assert extent.holds_records
    without = extent.without_records()
    assert not without.holds_records
    assert texts_of([without]) == ["Not recorded: the spectrum at step 7 is larger than the server accepts."]
    assert without.end.lines == extent.end.lines + 1


def test_nothing_new_is_nothing(spool):
    assert next_extent(spool, Position()) is None
    append(spool, 1)
    (extent,) = everything(spool)
    assert next_extent(spool, extent.end) is None


def test_a_killed_writer_loses_nothing_that_append_returned_from(tmp_path):
    code = (
        "import sys, pathlib\n"
        "from hessianfree_lab.client.spool import Spool\n"
        "from hessianfree_lab.records import StepRecord\n"
        "spool, lock = Spool.create(pathlib.Path(sys.argv[1]), run='r', attempt=1)\n"
        "writer, step = spool.writer(), 0\n"
        "while True:\n"
        "    step += 1\n"
        "    writer.append(StepRecord(step=step, metrics={'loss': 1.0}))\n"
        "    print(step, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE,
        env=clean_environment(),
        text=True,
    )
    for line in process.stdout:
        if int(line) == 500:
            process.send_signal(signal.SIGKILL)
            break
    said = max([500, *map(int, process.communicate()[0].split())])
    (spool,) = Spool.all_below(tmp_path)
    spool.lock().close()  # the dead process holds it no longer
    steps = steps_of(everything(spool, is_final=True))
    assert steps == list(range(1, len(steps) + 1))
    assert said <= len(steps) <= said + 1


def test_an_unfinished_record_waits_and_is_given_up_in_the_end(spool):
    append(spool, 1)
    path = spool.directory / "records.jsonl"
    line = path.read_bytes()
    with path.open("ab") as file:
        file.write(line[:20])
    (extent,) = everything(spool)
    assert steps_of([extent]) == [1]
    assert next_extent(spool, extent.end, is_final=True) is None
    with path.open("ab") as file:
        file.write(line[20:])
    assert steps_of(everything(spool, extent.end)) == [1]


def test_a_damaged_record_is_said_and_the_rest_kept(spool):
    append(spool, 1)
    with (spool.directory / "records.jsonl").open("ab") as file:
        file.write(b'{"step": {"step": 2, "sec\n{"other": 3}\n17\n')
    append(spool, 3)
    extents = everything(spool)
    assert steps_of(extents) == [1, 3]
    assert [text[:21] for text in texts_of(extents)] == ["A record was damaged "] * 3
    assert {line.stream for line in extents[0].batch.logs} == {"worker"}


def test_batches_stay_small_and_lose_nothing(spool):
    append(spool, *range(1, 301), loss=0.5)
    extents = everything(spool, max_bytes=2_000)
    assert steps_of(extents) == list(range(1, 301))
    assert len(extents) > 10
    assert all(len(extent.batch.model_dump_json()) < 2_500 for extent in extents)


def test_a_record_larger_than_a_batch_comes_alone(spool):
    append(spool, 1)
    append(spool, 2, text="x" * 5_000)
    append(spool, 3)
    extents = everything(spool, max_bytes=1_000)
    assert [steps_of([extent]) for extent in extents] == [[1], [2], [3]]


def test_output_becomes_numbered_lines(spool):
    write(spool, "stdout", b"one\ntwo\n")
    write(spool, "stderr", b"oops\n")
    (first,) = everything(spool)
    write(spool, "stdout", b"three\n")
    (second,) = everything(spool, first.end)
    lines = [(line.number, line.stream, line.text) for e in (first, second) for line in e.batch.logs]
    assert lines == [
        (0, "stdout", "one"),
        (1, "stdout", "two"),
        (2, "stderr", "oops"),
        (3, "stdout", "three"),
    ]


def test_half_a_line_waits_for_its_end(spool):
    write(spool, "stdout", b"whole\nha")
    (extent,) = everything(spool)
    assert texts_of([extent]) == ["whole"]
    assert next_extent(spool, extent.end) is None
    assert texts_of(everything(spool, extent.end, is_final=True)) == ["ha"]
    write(spool, "stdout", b"lf\n")
    assert texts_of(everything(spool, extent.end)) == ["half"]


@pytest.mark.parametrize(
    ("raw", "texts"),
    [
        (b"\n\nspace\n", ["", "", "space"]),
        (b" 10%\r 50%\r100%\n", ["100%"]),
        (b"windows\r\n", ["windows"]),
        ("grün\n".encode(), ["grün"]),
        (b"\xff\xfe!\n", ["\ufffd\ufffd!"]),
        (b"nul\0l\n", ["null"]),
        (b"x" * (MAX_TEXT + 5) + b"\n", ["x" * MAX_TEXT, "x" * 5]),
    ],
)
def test_lines_are_what_a_person_would_see(spool, raw, texts):
    write(spool, "stdout", raw)
    assert texts_of(everything(spool)) == texts


def test_endless_output_without_a_line_end_is_cut_and_complete(spool):
    write(spool, "stderr", b"y" * 300_000)
    extents = everything(spool, is_final=True)
    assert "".join(texts_of(extents)) == "y" * 300_000
    assert all(len(text) <= MAX_TEXT for text in texts_of(extents))


def test_many_short_lines_make_batches_the_server_takes(spool):
    write(spool, "stdout", b"\n" * 90_000)
    extents = everything(spool)
    assert len(texts_of(extents)) == 90_000
    assert all(len(extent.batch.logs) <= 5_000 for extent in extents)
    assert max(len(extent.batch.model_dump_json()) for extent in extents) < 2**20


def test_an_extent_is_read_the_same_again(spool):
    append(spool, 1, 2)
    write(spool, "stdout", b"a\nb\n")
    write(spool, "stderr", b"c\n")
    extent = next_extent(spool, Position())
    write(spool, "stdout", b"later\n")
    append(spool, 3)
    again = read_extent(spool, Position(), extent.end)
    assert [(line.number, line.text) for line in again.batch.logs] == [(0, "a"), (1, "b"), (2, "c")]
    assert steps_of([again]) == [1, 2]
    assert again.end == extent.end


def test_a_spool_has_one_sender(spool, tmp_path):
    with pytest.raises(SpoolInUse):
        spool.lock()
    (found,) = Spool.all_below(tmp_path)
    assert found == spool


def test_a_spool_can_be_made_again_and_removed(tmp_path):
    first, lock = Spool.create(tmp_path, run="r", attempt=1)
    append(first, 1)
    lock.close()
    again, lock = Spool.create(tmp_path, run="r", attempt=1)
    assert everything(again) == []
    again.remove()
    assert list(tmp_path.iterdir()) == []
    lock.close()


def test_what_was_sent_and_how_it_ended_are_remembered(spool):
    assert Sent.read(spool.directory) == Sent()
    sent = Sent(done=Position(records=5), underway=Position(records=9, stdout=2, lines=1))
    sent.write(spool.directory)
    assert Sent.read(spool.directory) == sent
    assert spool.read_finish() is None
    request = FinishRequest(attempt=2, state="failed", cause="diverged", error="NaN")
    spool.write_finish(request)
    assert spool.read_finish() == request
    assert json.loads((spool.directory / "owner.json").read_text()) == {"run": "r", "attempt": 2, "name": "r"}
