"""Checkpoints on disk: whole or not there, found out when altered, never code."""

import hashlib
import itertools
import json
import os
import pickle
import resource
import shutil
import signal
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hessianfree_lab.records import JobSpec
from hessianfree_lab.training.checkpoints import PLAIN, TENSORS, Checkpoints
from hessianfree_lab.training.session import Session
from server.training.resumption import facts, parameters

SPEC = JobSpec(problem="quadratic", optimizer="adam", budget={"steps": 100})


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "checkpoints" / "run", SPEC)


def saved(checkpoints, *steps, attempt=1):
    """Checkpoints of these steps; answers the session that made them."""
    session = Session(SPEC)
    for step in steps:
        facts(session, step - session.step)
        checkpoints.save(session.state(), attempt=attempt)
    return session


def below(checkpoints):
    """The directories of all checkpoints, oldest first, and of what else is there."""
    return sorted(checkpoints._directory.iterdir())


def names(checkpoints):
    return [path.name for path in below(checkpoints)]


def newest_step(checkpoints, **which):
    state, complaints = checkpoints.newest(**which)
    assert complaints == []
    return state and state.step


def test_the_newest_two_are_kept(checkpoints):
    saved(checkpoints, 2, 4, 6)
    assert names(checkpoints) == ["00000002-attempt-1-step-4", "00000003-attempt-1-step-6"]
    assert sorted(path.name for path in below(checkpoints)[0].iterdir()) == [PLAIN, TENSORS]
    assert newest_step(checkpoints) == 6


def test_a_run_without_checkpoints_has_none(checkpoints):
    assert checkpoints.newest() == (None, [])
    checkpoints.forget_after(0)


def test_one_step_can_be_kept_again(checkpoints):
    """With what was set after it."""
    session = saved(checkpoints, 3)
    session.apply({"lr": 0.5})
    checkpoints.save(session.state(), attempt=1)
    state, _ = checkpoints.newest()
    again = Session(SPEC)
    again.restore(state)
    assert facts(again, 1)[0][0]["metrics"]["step_scale"] == 0.5
    assert len(names(checkpoints)) == 2


def test_what_an_earlier_write_left_is_no_checkpoint_and_is_removed_by_the_next(checkpoints):
    saved(checkpoints, 2)
    left = checkpoints._directory / ".00000002-attempt-1-step-4"
    shutil.copytree(below(checkpoints)[0], left)
    assert newest_step(checkpoints) == 2
    saved(checkpoints, 6)
    assert newest_step(checkpoints) == 6
    assert not left.exists()


def test_checkpoints_of_attempts_before_a_new_start_are_not_used(checkpoints):
    saved(checkpoints, 5, attempt=2)
    assert newest_step(checkpoints, since_attempt=2) == 5
    assert newest_step(checkpoints, since_attempt=3) is None


def test_checkpoints_of_lost_steps_are_passed_over_and_then_forgotten(checkpoints):
    saved(checkpoints, 3, 7)
    assert newest_step(checkpoints, at_most_step=7) == 7
    assert newest_step(checkpoints, at_most_step=6) == 3
    assert newest_step(checkpoints, at_most_step=2) is None
    checkpoints.forget_after(3)
    assert newest_step(checkpoints) == 3
    checkpoints.forget_after(0)
    assert names(checkpoints) == []


# Damage --------------------------------------------------------------------------------------------------


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def flip(path, bit=None):
    content = bytearray(path.read_bytes())
    bit = len(content) * 4 if bit is None else bit % (len(content) * 8)
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(content))


def rewrite(directory, **changes):
    """Change the content, with a checksum that is right."""
    document = json.loads((directory / PLAIN).read_text())
    document["content"] |= changes
    document["checksum"] = hashlib.sha256(json.dumps(document["content"]).encode()).hexdigest()
    (directory / PLAIN).write_text(json.dumps(document))


class Bomb:
    def __reduce__(self):
        return print, ("code was run",)


def pickled(directory):
    """A torch.save with code in it instead of the tensors, all checksums right."""
    torch.save({"0": torch.zeros(2), "bomb": Bomb()}, directory / TENSORS)
    rewrite(directory, tensors=hashlib.sha256((directory / TENSORS).read_bytes()).hexdigest())


def foreign(directory):
    other = Session(SPEC.model_copy(update={"seed": 1}))
    scratch = directory.parent / "other"
    Checkpoints(scratch, other.spec).save(other.state(), attempt=1)
    (found,) = scratch.iterdir()
    for path in found.iterdir():
        path.replace(directory / path.name)
    rewrite(directory, step=6)
    shutil.rmtree(scratch)


def of_another_format(directory):
    path = directory / PLAIN
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))


DAMAGE = {
    "the tensors cut": (lambda at: cut(at / TENSORS), "state.safetensors is not as it was written"),
    "the tensors altered": (lambda at: flip(at / TENSORS), "state.safetensors is not as it was written"),
    "the tensors gone": (
        lambda at: (at / TENSORS).unlink(),
        "it cannot be read: [Errno 2] No such file",
    ),
    "the rest cut": (lambda at: cut(at / PLAIN), "state.json is not a checkpoint's"),
    "the rest altered": (
        lambda at: (at / PLAIN).write_text((at / PLAIN).read_text().replace("[0.9, 0.999]", "[0.8, 0.999]")),
        "state.json is not as it was written",
    ),
    "the rest gone": (lambda at: (at / PLAIN).unlink(), "it cannot be read: [Errno 2] No such file"),
    "the rest empty": (lambda at: (at / PLAIN).write_text(""), "state.json is not a checkpoint's"),
    "the rest a pickle": (
        lambda at: (at / PLAIN).write_bytes(pickle.dumps(Bomb())),
        "state.json is not a checkpoint's",
    ),
    "the tensors a pickle": (pickled, "state.safetensors is not a safetensors file"),
    "nested without end": (
        lambda at: (at / PLAIN).write_text("[" * 10**6),
        "state.json is not a checkpoint's",
    ),
    "of another job": (foreign, "it is of another job"),
    "of another format": (of_another_format, "it has format 2; this version reads format 1"),
    "renamed": (lambda at: rewrite(at, step=7), "it was written at step 7 of attempt 1: it has been renamed"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_gives_way_to_the_one_before_with_a_sentence(checkpoints, damage, capfd):
    saved(checkpoints, 4, 6)
    hurt, sentence = DAMAGE[damage]
    hurt(below(checkpoints)[-1])
    state, complaints = checkpoints.newest()
    assert state.step == 4
    (complaint,) = complaints
    assert complaint.startswith(f"The checkpoint of step 6 (attempt 1) cannot be used: {sentence}")
    assert complaint.endswith(" The one before is taken, if there is one.")
    assert "code was run" not in "".join(capfd.readouterr())
    expected, resumed = Session(SPEC), Session(SPEC)
    facts(expected, 9)
    resumed.restore(state)
    facts(resumed, 5)
    assert torch.equal(parameters(resumed), parameters(expected))


def test_where_none_is_sound_there_is_none_and_two_sentences(checkpoints):
    saved(checkpoints, 4, 6)
    for directory in below(checkpoints):
        cut(directory / TENSORS)
    state, complaints = checkpoints.newest()
    assert state is None
    assert [complaint[:28] for complaint in complaints] == [
        "The checkpoint of step 6 (at",
        "The checkpoint of step 4 (at",
    ]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A directory with one checkpoint, its files' bytes, and its state."""
    checkpoints = Checkpoints(tmp_path_factory.mktemp("sound"), SPEC)
    saved(checkpoints, 2)
    (directory,) = below(checkpoints)
    files = {name: (directory / name).read_bytes() for name in (TENSORS, PLAIN)}
    return checkpoints, directory, files, checkpoints.newest()[0]


@given(name=st.sampled_from([TENSORS, PLAIN]), bit=st.integers(0, 2**20))
def test_no_altered_bit_is_taken_for_another_state(sound, name, bit):
    checkpoints, directory, files, state = sound
    for each, content in files.items():
        (directory / each).write_bytes(content)
    flip(directory / name, bit)
    found, complaints = checkpoints.newest()
    assert (found is None) == (len(complaints) == 1)
    if found is not None:  # white space, or a letter written in another way
        assert name == PLAIN
        assert found.plain == state.plain


# Trouble while one is written ------------------------------------------------------------------------------


@contextmanager
def largest_file(size):
    """A disk with room for so many bytes a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("too_large", ["tensors", "plain"])
def test_a_full_disk_is_an_os_error_and_leaves_what_was_there(checkpoints, too_large):
    session = saved(checkpoints, 2, 4)
    facts(session, 1)
    state, before = session.state(), names(checkpoints)
    much = {"tensors": state.tensors | {"much": torch.zeros(20_000)}, "plain": [state.plain, "much" * 20_000]}
    with largest_file(50_000), pytest.raises(OSError):
        checkpoints.save(replace(state, **{too_large: much[too_large]}), attempt=1)
    assert names(checkpoints) == before
    assert newest_step(checkpoints) == 4
    checkpoints.save(state, attempt=1)
    assert newest_step(checkpoints) == 5


def dies(action, at_event):
    """Whether a process that is to end at its so many-th call of the system, as Python tells of them, did."""
    child = os.fork()
    if child == 0:
        events = itertools.count(1)
        sys.addaudithook(lambda *_: os._exit(1) if next(events) == at_event else None)
        action()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_a_process_that_dies_anywhere_while_saving_leaves_a_sound_newest_checkpoint(checkpoints):
    session = saved(checkpoints, 1, 2)
    facts(session, 1)
    state, found, event = session.state(), [], 1
    while dies(lambda: checkpoints.save(state, attempt=1), event):
        found.append(newest_step(checkpoints))
        event += 1
    assert set(found) == {2, 3}
    assert sorted(found) == found
    assert len(names(checkpoints)) == 2


def test_a_process_that_dies_anywhere_while_forgetting_leaves_no_half_checkpoint(checkpoints):
    saved(checkpoints, 1, 2)
    event = 1
    while dies(lambda: checkpoints.forget_after(1), event):
        assert newest_step(checkpoints) in (1, 2)
        event += 1
    assert newest_step(checkpoints) == 1
    assert event > 3
