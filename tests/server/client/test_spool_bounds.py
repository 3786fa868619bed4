"""What a spool holds beside steps, and where it ends: bounds of the log, power cuts, controls."""

import pytest

from hessianfree_lab.client.extents import (
    MAX_LINES_OF_ATTEMPT,
    MAX_OUTPUT_BYTES,
    MAX_TEXT,
    TOO_MANY_LINES,
)
from hessianfree_lab.client.spool import Position, Sent, Spool
from hessianfree_lab.records import Applied
from server.client.spools import append, everything, steps_of, texts_of, write


@pytest.fixture
def spool(tmp_path):
    spool, lock = Spool.create(tmp_path, run="r", attempt=2)
    yield spool
    lock.close()


def test_the_log_of_an_attempt_ends_with_a_sentence_where_it_grows_too_long(spool):
    write(spool, "stdout", b"x\n" * (MAX_LINES_OF_ATTEMPT + 5_000))
    append(spool, 1)
    extents = everything(spool)
    lines = [line for extent in extents for line in extent.batch.logs]
    assert [line.number for line in lines] == list(range(MAX_LINES_OF_ATTEMPT))
    assert {line.text for line in lines[:-1]} == {"x"}
    assert (lines[-1].stream, lines[-1].text) == ("worker", TOO_MANY_LINES)
    assert steps_of(extents) == [1]
    append(spool, 2)
    write(spool, "stdout", b"x\n")
    (extent,) = everything(spool, extents[-1].end)
    assert (steps_of([extent]), extent.batch.logs) == ([2], [])


def test_output_beyond_what_is_kept_is_not_read_and_said_to_be_cut(spool):
    line = b"y" * (MAX_TEXT - 1) + b"\n"
    count = MAX_OUTPUT_BYTES // len(line)
    start = Position(stdout=(count - 1) * len(line), lines=count - 1)
    with (spool.directory / "stdout.log").open("wb") as file:
        file.seek(start.stdout)  # the beginning is not what this is about
        file.write(line * 2)
    extents = everything(spool, start)
    assert extents[-1].end.stdout == MAX_OUTPUT_BYTES
    assert [len(text) for text in texts_of(extents)[:-1]] == [MAX_TEXT - 1]
    assert texts_of(extents)[-1] == "An attempt's stdout is kept up to 32 MiB: the rest is not."


def test_notes_controls_and_the_checkpoint_it_began_from_go_with_the_records(spool):
    writer = spool.writer()
    writer.append_resumption(30)
    writer.append_note("The newest checkpoint could not be used.")
    writer.append(Applied(number=2, step=30))
    writer.sync()
    (extent,) = everything(spool)
    assert extent.batch.resumed_from == 30
    assert [(applied.number, applied.step) for applied in extent.batch.applied] == [(2, 30)]
    assert [(line.stream, line.text) for line in extent.batch.logs] == [
        ("worker", "The newest checkpoint could not be used.")
    ]


@pytest.mark.parametrize("name", ["sent.json", "finish.json"])
def test_what_a_power_cut_emptied_is_as_if_it_were_not_there(spool, name):
    (spool.directory / name).write_text("")
    assert Sent.read(spool.directory) == Sent()
    assert spool.read_finish() is None


def test_a_closed_spool_is_kept(spool):
    assert not spool.is_closed
    spool.close()
    (again,) = Spool.all_below(spool.directory.parent)
    assert again.is_closed
