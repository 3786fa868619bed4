"""Checkpoints that were altered, in a folder and in S3: found out, passed over, and never code."""

import hashlib
import json
import os
import pickle
import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hessianfree_lab.storage.shelf import FolderShelf
from hessianfree_lab.training.checkpoints import PLAIN, TENSORS, Checkpoints
from hessianfree_lab.training.session import Session
from server.training.keeping import SPEC, saved
from server.training.places import FolderPlace, ObjectPlace
from server.training.resumption import facts, parameters


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
    Checkpoints(FolderShelf(scratch), other.spec).save(other.state(), attempt=1)
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
        "it cannot be read: ",
    ),
    "the rest cut": (lambda at: cut(at / PLAIN), "state.json is not a checkpoint's"),
    "the rest altered": (
        lambda at: (at / PLAIN).write_text((at / PLAIN).read_text().replace("[0.9, 0.999]", "[0.8, 0.999]")),
        "state.json is not as it was written",
    ),
    "the rest gone": (lambda at: (at / PLAIN).unlink(), "it cannot be read: "),
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
def test_a_damaged_checkpoint_gives_way_to_the_one_before_with_a_sentence(checkpoints, place, damage, capfd):
    saved(checkpoints, 4, 6)
    hurt, sentence = DAMAGE[damage]
    with place.opened(place.names()[-1]) as folder:
        hurt(folder)
    state, complaints = checkpoints.newest()
    assert state.step == 4
    if isinstance(place, ObjectPlace) and damage == "the rest gone":
        assert complaints == []  # without its seal there is none
        return
    (complaint,) = complaints
    assert complaint.startswith(f"The checkpoint of step 6 (attempt 1) cannot be used: {sentence}")
    assert complaint.endswith(" The one before is taken, if there is one.")
    assert "code was run" not in "".join(capfd.readouterr())
    expected, resumed = Session(SPEC), Session(SPEC)
    facts(expected, 9)
    resumed.restore(state)
    facts(resumed, 5)
    assert torch.equal(parameters(resumed), parameters(expected))


def test_where_none_is_sound_there_is_none_and_two_sentences(checkpoints, place):
    saved(checkpoints, 4, 6)
    for name in place.names():
        with place.opened(name) as folder:
            cut(folder / TENSORS)
    state, complaints = checkpoints.newest()
    assert state is None
    assert [complaint[:28] for complaint in complaints] == [
        "The checkpoint of step 6 (at",
        "The checkpoint of step 4 (at",
    ]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A directory with one checkpoint, its files' bytes, and its state."""
    place = FolderPlace(tmp_path_factory.mktemp("sound"))
    checkpoints = Checkpoints(place.shelf, SPEC)
    saved(checkpoints, 2)
    (directory,) = place.directory.iterdir()
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
