"""Checkpoints in a folder and in S3: which are kept, and whole or not there whatever comes between."""

import itertools
import os
import resource
import signal
import sys
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
import torch

from hessianfree_lab.errors import StorageUnavailable
from hessianfree_lab.storage.objects import Objects
from hessianfree_lab.storage.shelf import ObjectShelf
from hessianfree_lab.training.checkpoints import PLAIN, TENSORS, Checkpoints
from hessianfree_lab.training.session import Session
from server.training.keeping import SPEC, newest_step, saved
from server.training.places import FolderPlace, ObjectPlace, Stopping
from server.training.resumption import facts


@pytest.fixture
def in_folder(tmp_path):
    return FolderPlace(tmp_path / "checkpoints" / "run")


def test_the_newest_two_are_kept(checkpoints, place):
    saved(checkpoints, 2, 4, 6)
    assert place.names() == ["00000002-attempt-1-step-4", "00000003-attempt-1-step-6"]
    with place.opened(place.names()[0]) as folder:
        assert sorted(path.name for path in folder.iterdir()) == [PLAIN, TENSORS]
    assert newest_step(checkpoints) == 6


def test_as_many_are_kept_as_asked_for(place):
    saved(Checkpoints(place.shelf, SPEC, keep=1), 2, 4)
    assert place.names() == ["00000002-attempt-1-step-4"]
    saved(Checkpoints(place.shelf, SPEC, keep=3), 2, 4, 6)
    assert len(place.names()) == 3


def test_a_run_without_checkpoints_has_none(checkpoints):
    assert checkpoints.newest() == (None, [])
    checkpoints.forget_after(0, attempt=2)


def test_one_step_can_be_kept_again(checkpoints, place):
    """With what was set after it."""
    session = saved(checkpoints, 3)
    session.apply({"lr": 0.5})
    checkpoints.save(session.state(), attempt=1)
    state, _ = checkpoints.newest()
    again = Session(SPEC)
    again.restore(state)
    assert facts(again, 1)[0][0]["metrics"]["step_scale"] == 0.5
    assert len(place.names()) == 2


def left_unfinished(place, name):
    """What a process leaves that dies while it writes that checkpoint."""
    with place.opened(place.names()[-1]) as folder:
        tensors = (folder / TENSORS).read_bytes()
    with place.opened(f".{name}" if isinstance(place, FolderPlace) else name) as folder:
        (folder / TENSORS).write_bytes(tensors)
    return sorted(place.shelf.unfinished())


def test_what_an_earlier_write_left_is_no_checkpoint_and_is_removed_by_the_next(checkpoints, place):
    saved(checkpoints, 2)
    assert left_unfinished(place, "00000002-attempt-1-step-4") == ["00000002-attempt-1-step-4"]
    assert newest_step(checkpoints) == 2
    saved(checkpoints, 6)
    assert newest_step(checkpoints) == 6
    assert place.shelf.unfinished() == []


def test_an_attempt_that_was_given_up_leaves_the_newer_one_alone(checkpoints, place):
    """It may live on behind a broken network, on another machine, and write there."""
    given_up = saved(checkpoints, 2)
    newer = Checkpoints(place.shelf, SPEC)
    newer.forget_after(2, attempt=2)
    session = Session(SPEC)
    session.restore(newer.newest()[0])

    def goes_on(checkpoints, session, attempt):
        facts(session, 2)
        checkpoints.save(session.state(), attempt=attempt)
        return [name.partition("-")[2] for name in place.names()]

    goes_on(checkpoints, given_up, 1)
    # What it wrote of later steps goes, and what both began from stays.
    assert goes_on(newer, session, 2) == ["attempt-1-step-2", "attempt-2-step-4"]
    assert goes_on(newer, session, 2) == ["attempt-2-step-4", "attempt-2-step-6"]
    unfinished = left_unfinished(place, "00000009-attempt-2-step-8")
    for _ in range(3):
        kept = goes_on(checkpoints, given_up, 1)
        assert {"attempt-2-step-4", "attempt-2-step-6"} <= set(kept)
    assert place.shelf.unfinished() == unfinished
    assert newest_step(checkpoints) == 6


def test_checkpoints_that_the_record_went_on_without_are_passed_over(checkpoints):
    saved(checkpoints, 3, 5)
    assert newest_step(checkpoints, outdated_after={1: 5}) == 5
    assert newest_step(checkpoints, outdated_after={1: 4}) == 3
    assert newest_step(checkpoints, outdated_after={1: 4}, at_most_step=2) is None
    assert newest_step(checkpoints, outdated_after={2: 1}) == 5


def test_checkpoints_of_attempts_before_a_new_start_are_not_used(checkpoints):
    saved(checkpoints, 5, attempt=2)
    assert newest_step(checkpoints, since_attempt=2) == 5
    assert newest_step(checkpoints, since_attempt=3) is None


def test_checkpoints_of_lost_steps_are_passed_over_and_then_forgotten(checkpoints, place):
    saved(checkpoints, 3, 7)
    assert newest_step(checkpoints, at_most_step=7) == 7
    assert newest_step(checkpoints, at_most_step=6) == 3
    assert newest_step(checkpoints, at_most_step=2) is None
    checkpoints.forget_after(3, attempt=2)
    assert newest_step(checkpoints) == 3
    checkpoints.forget_after(0, attempt=2)
    assert place.names() == []


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
def test_a_full_disk_is_an_os_error_and_leaves_what_was_there(checkpoints, place, too_large):
    session = saved(checkpoints, 2, 4)
    facts(session, 1)
    state, before = session.state(), place.names()
    much = {"tensors": state.tensors | {"much": torch.zeros(20_000)}, "plain": [state.plain, "much" * 20_000]}
    with largest_file(50_000), pytest.raises(OSError):
        checkpoints.save(replace(state, **{too_large: much[too_large]}), attempt=1)
    assert place.names() == before
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


def test_a_process_that_dies_anywhere_while_saving_leaves_a_sound_newest_checkpoint(in_folder):
    checkpoints = Checkpoints(in_folder.shelf, SPEC)
    session = saved(checkpoints, 1, 2)
    facts(session, 1)
    state, found, event = session.state(), [], 1
    while dies(lambda: checkpoints.save(state, attempt=1), event):
        found.append(newest_step(checkpoints))
        event += 1
    assert set(found) == {2, 3}
    assert sorted(found) == found
    assert len(in_folder.names()) == 2


def test_a_process_that_dies_anywhere_while_forgetting_leaves_no_half_checkpoint(in_folder):
    checkpoints = Checkpoints(in_folder.shelf, SPEC)
    saved(checkpoints, 1, 2)
    event = 1
    while dies(lambda: checkpoints.forget_after(1, attempt=2), event):
        assert newest_step(checkpoints) in (1, 2)
        event += 1
    assert newest_step(checkpoints) == 1
    assert event > 3


def test_whatever_put_to_s3_is_the_last_one_the_newest_checkpoint_is_sound(s3, tmp_path):
    """Of a process that dies there, and of one whose network does: an OSError, after which it tries again later."""
    for end in (KeyboardInterrupt, lambda: StorageUnavailable("away")):
        url = s3.new_storage()
        place = ObjectPlace(Objects(url), tmp_path)
        checkpoints = Checkpoints(place.shelf, SPEC)
        session = saved(checkpoints, 1, 2)
        for changes in range(4):
            before = newest_step(checkpoints)
            facts(session, 1)
            cut_off = Checkpoints(ObjectShelf(Stopping(url, changes, end), tmp_path / "scratch"), SPEC)
            try:
                cut_off.save(session.state(), attempt=1)
            except (KeyboardInterrupt, StorageUnavailable):
                assert newest_step(checkpoints) in (before, session.step)
            else:
                assert newest_step(checkpoints) == session.step
        checkpoints.save(session.state(), attempt=1)
        assert newest_step(checkpoints) == session.step
        assert len(place.names()) == 2
        assert not (tmp_path / "scratch").exists()


def test_an_s3_that_does_not_answer_is_not_one_without_checkpoints(s3, tmp_path):
    checkpoints = Checkpoints(ObjectShelf(Objects("s3://no-such-bucket/storage"), tmp_path), SPEC)
    with pytest.raises(StorageUnavailable, match="s3://no-such-bucket/storage is not there"):
        checkpoints.newest()
    with pytest.raises(OSError, match="no-such-bucket"):
        checkpoints.save(Session(SPEC).state(), attempt=1)


def test_whatever_is_removed_last_from_s3_nothing_is_left_of_half_a_checkpoint(s3, tmp_path):
    for changes in range(3):
        url = s3.new_storage()
        checkpoints = Checkpoints(ObjectPlace(Objects(url), tmp_path).shelf, SPEC)
        saved(checkpoints, 1, 2)
        cut_off = Checkpoints(
            ObjectShelf(Stopping(url, changes, KeyboardInterrupt), tmp_path / "scratch"), SPEC
        )
        with suppress(KeyboardInterrupt):
            cut_off.forget_after(1, attempt=2)
        assert newest_step(checkpoints) == (2 if changes == 0 else 1)  # and nothing to complain of
