"""States of a session on disk.

A checkpoint is a directory of two files, and `Checkpoints` keeps the newest ones of a run below one:

    00000007-attempt-2-step-30/
        state.safetensors      every tensor
        state.json             {"format", "checksum": SHA-256 of what follows, "content": {...}}

`content` has step, seconds, attempt, fingerprint, the SHA-256 of state.safetensors, and the rest of the state. Neither
file can hold code. A checkpoint is written under a name that begins with a dot, brought to the disk and then renamed,
so that it is there as a whole or not at all; one that was altered later is found out by its checksums.
"""

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from hessianfree_lab.records import JobSpec
from hessianfree_lab.training.errors import CheckpointRefused
from hessianfree_lab.training.state import State, fingerprint

FORMAT = 1
"""Of the files, and of the state in them: to be raised when either changes so that older ones cannot be taken up."""

TENSORS, PLAIN = "state.safetensors", "state.json"

_NAME = re.compile(r"(\d{8,})-attempt-(\d+)-step-(\d+)")


@dataclass(frozen=True, order=True)
class _Entry:
    """A checkpoint by its name; the last in order is the newest."""

    number: int
    attempt: int
    step: int
    path: Path


class Checkpoints:
    """The checkpoints of the run of `spec` in `directory`; the newest `keep` of them.

    For one process at a time. What is written here is on the disk when a method returns; OSError where it cannot be.
    """

    def __init__(self, directory: Path, spec: JobSpec, *, keep: int = 2) -> None:
        self._directory = directory
        self._fingerprint = fingerprint(spec)
        self._keep = keep

    def save(self, state: State, *, attempt: int) -> None:
        """Write a checkpoint, then remove those that are one too many, and what earlier writes left unfinished."""
        self._directory.mkdir(parents=True, exist_ok=True)
        for unfinished in self._directory.glob(".*"):
            if _NAME.fullmatch(unfinished.name[1:]):
                shutil.rmtree(unfinished)
        earlier = self._entries()
        number = earlier[-1].number + 1 if earlier else 1
        name = f"{number:08d}-attempt-{attempt}-step-{state.step}"
        scratch = self._directory / f".{name}"
        try:
            _write(scratch, state, attempt)
        except BaseException:  # also a full disk: what is left there is in the way of everybody
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        scratch.rename(self._directory / name)
        _sync(self._directory)
        for entry in earlier[: max(0, len(earlier) + 1 - self._keep)]:
            self._remove(entry)

    def newest(
        self, *, since_attempt: int = 1, at_most_step: int | None = None
    ) -> tuple[State | None, list[str]]:
        """The newest checkpoint of these that is sound, and a sentence about each newer one that is not.

        None: there is none.
        """
        complaints: list[str] = []
        for entry in reversed(self._entries()):
            if entry.attempt < since_attempt or (at_most_step is not None and entry.step > at_most_step):
                continue
            try:
                return self._read(entry), complaints
            except CheckpointRefused as refused:
                complaints.append(
                    f"The checkpoint of step {entry.step} (attempt {entry.attempt}) cannot be used: {refused} The one "
                    "before is taken, if there is one."
                )
        return None, complaints

    def forget_after(self, step: int) -> None:
        """Remove the checkpoints of later steps: those are made anew, and perhaps otherwise.

        Whoever goes on from `step` (0: from the start) must say so before the first step.
        """
        for entry in self._entries():
            if entry.step > step:
                self._remove(entry)

    def _entries(self) -> list[_Entry]:
        """Oldest first."""
        if not self._directory.is_dir():
            return []
        found = [(_NAME.fullmatch(path.name), path) for path in self._directory.iterdir()]
        return sorted(
            _Entry(int(match[1]), int(match[2]), int(match[3]), path) for match, path in found if match
        )

    def _read(self, entry: _Entry) -> State:
        try:
            return _state(_content(entry.path), entry, self._fingerprint)
        except OSError as error:
            raise CheckpointRefused(f"it cannot be read: {error}.") from error
        except SafetensorError as error:
            raise CheckpointRefused(f"{TENSORS} is not a safetensors file: {error}.") from error

    def _remove(self, entry: _Entry) -> None:
        # Under another name first: half a checkpoint must never look like one.
        leaving = entry.path.with_name(f".{entry.path.name}")
        entry.path.rename(leaving)
        shutil.rmtree(leaving)


def _write(directory: Path, state: State, attempt: int) -> None:
    directory.mkdir()
    tensors = directory / TENSORS
    try:
        save_file(dict(state.tensors), tensors)
    except SafetensorError as error:  # it has no other way to tell of a full disk
        raise OSError(f"{tensors} cannot be written: {error}") from error
    _sync(tensors)
    content = {
        "step": state.step,
        "seconds": state.seconds,
        "attempt": attempt,
        "fingerprint": state.fingerprint,
        "tensors": _digest(tensors),
        "state": state.plain,
    }
    text = json.dumps(content, allow_nan=False)
    with (directory / PLAIN).open("x") as file:
        file.write(f'{{"format": {FORMAT}, "checksum": "{_checksum(text)}", "content": {text}}}')
        file.flush()
        os.fsync(file.fileno())
    _sync(directory)


def _content(directory: Path) -> dict[str, Any]:
    """What state.json says. Raises `CheckpointRefused` where it is not what was written."""
    try:
        document = json.loads((directory / PLAIN).read_text())
        found, checksum, content = document["format"], document["checksum"], document["content"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointRefused(f"{PLAIN} is not a checkpoint's.") from error
    if found != FORMAT:
        raise CheckpointRefused(f"it has format {found}; this version reads format {FORMAT}.")
    if not isinstance(content, dict) or checksum != _checksum(json.dumps(content, allow_nan=False)):
        raise CheckpointRefused(f"{PLAIN} is not as it was written (its checksum differs).")
    return content


def _state(content: dict[str, Any], entry: _Entry, expected: str) -> State:
    if (content["attempt"], content["step"]) != (entry.attempt, entry.step):
        raise CheckpointRefused(
            f"it was written at step {content['step']} of attempt {content['attempt']}: it has been renamed."
        )
    if content["fingerprint"] != expected:
        raise CheckpointRefused("it is of another job: problem, optimizer, seed or dtype differ.")
    tensors = entry.path / TENSORS
    if _digest(tensors) != content["tensors"]:
        raise CheckpointRefused(f"{TENSORS} is not as it was written (its checksum differs).")
    return State(
        step=content["step"],
        seconds=content["seconds"],
        fingerprint=content["fingerprint"],
        plain=content["state"],
        tensors=load_file(tensors),
    )


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Bring a file, or the names in a directory, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
