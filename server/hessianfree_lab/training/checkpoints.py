"""States of a session, kept.

A checkpoint is a name and two files on a shelf, which is a folder or objects behind a URL; `Checkpoints` keeps the
newest ones of a run:

    00000007-attempt-2-step-30/
        state.safetensors      every tensor
        state.json             {"format", "checksum": SHA-256 of what follows, "content": {...}}

`content` has step, seconds, attempt, fingerprint, the SHA-256 of state.safetensors, and the rest of the state. Neither
file can hold code. A checkpoint is there as a whole or not at all; one that was altered later is found out by its
checksums.

Where several machines share a shelf, an attempt that was given up may still write there beside the one that took its
place. Each attempt therefore leaves alone what later ones have put there, and removes what earlier ones put there
of steps after the one at which it began.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from hessianfree_lab.errors import StorageUnavailable
from hessianfree_lab.records import JobSpec
from hessianfree_lab.storage.shelf import SEAL, Shelf
from hessianfree_lab.training.errors import CheckpointRefused
from hessianfree_lab.training.state import State, fingerprint

FORMAT = 1
"""Of the files, and of the state in them: to be raised when either changes so that older ones cannot be taken up."""

TENSORS, PLAIN = "state.safetensors", SEAL

_NAME = re.compile(r"(\d{8,})-attempt-(\d+)-step-(\d+)")


@dataclass(frozen=True, order=True)
class _Entry:
    """A checkpoint by its name; the last in order is the newest."""

    attempt: int
    number: int
    step: int
    name: str


class Checkpoints:
    """The checkpoints of the run of `spec` on a shelf; the newest `keep` of them.

    For one process at a time on a machine. What is written is safe when a method returns; OSError where it cannot be.
    """

    def __init__(self, shelf: Shelf, spec: JobSpec, *, keep: int = 2) -> None:
        self._shelf = shelf
        self._fingerprint = fingerprint(spec)
        self._keep = keep
        self._began_after: int | None = None

    def save(self, state: State, *, attempt: int) -> None:
        """Write a checkpoint, then remove those that are one too many, and what earlier writes left unfinished."""
        for unfinished in _entries(self._shelf.unfinished()):
            if unfinished.attempt <= attempt:
                self._shelf.remove(unfinished.name)
        there = _entries(self._shelf.names())
        number = max((entry.number for entry in there), default=0) + 1
        name = f"{number:08d}-attempt-{attempt}-step-{state.step}"
        self._shelf.put(name, lambda folder: _write(folder, state, attempt))
        # It is kept, whatever becomes of the older ones: the next save removes what this one could not.
        with suppress(StorageUnavailable):
            earlier = [entry for entry in there if entry.attempt <= attempt]
            outdated = [entry for entry in earlier if self._is_outdated(entry, attempt)]
            good = [entry for entry in earlier if entry not in outdated]
            for entry in outdated + good[: max(0, len(good) + 1 - self._keep)]:
                self._shelf.remove(entry.name)

    def newest(
        self,
        *,
        since_attempt: int = 1,
        at_most_step: int | None = None,
        outdated_after: Mapping[int, int] | None = None,
    ) -> tuple[State | None, list[str]]:
        """The newest checkpoint of these that is sound, and a sentence about each newer one that is not.

        `outdated_after`: by attempt, the step after which its checkpoints do not count. None: there is none.
        `StorageUnavailable`: nobody can say, now.
        """
        complaints: list[str] = []
        for entry in reversed(_entries(self._shelf.names())):
            last = (outdated_after or {}).get(entry.attempt, entry.step)
            last = last if at_most_step is None else min(last, at_most_step)
            if entry.attempt < since_attempt or entry.step > last:
                continue
            try:
                return self._read(entry), complaints
            except CheckpointRefused as refused:
                complaints.append(
                    f"The checkpoint of step {entry.step} (attempt {entry.attempt}) cannot be used: {refused} The one "
                    "before is taken, if there is one."
                )
        return None, complaints

    def forget_after(self, step: int, *, attempt: int) -> None:
        """Remove the checkpoints of later steps: those are made anew, and perhaps otherwise.

        The attempt that goes on from `step` (0: from the start) must say so before its first step.
        """
        self._began_after = step
        if attempt == 1:  # none was before it, and a storage that is away need not be asked
            return
        for entry in _entries(self._shelf.names()):
            if self._is_outdated(entry, attempt):
                self._shelf.remove(entry.name)

    def _is_outdated(self, entry: _Entry, attempt: int) -> bool:
        return entry.attempt < attempt and self._began_after is not None and entry.step > self._began_after

    def _read(self, entry: _Entry) -> State:
        try:
            with self._shelf.file(entry.name, PLAIN) as path:
                content = _content(path)
            _check(content, entry, self._fingerprint)
            with self._shelf.file(entry.name, TENSORS) as path:
                return _state(content, path)
        except StorageUnavailable:
            raise
        except OSError as error:
            raise CheckpointRefused(f"it cannot be read: {error}.") from error
        except SafetensorError as error:
            raise CheckpointRefused(f"{TENSORS} is not a safetensors file: {error}.") from error


def _entries(names: Iterable[str]) -> list[_Entry]:
    """Those of checkpoints, oldest first."""
    found = [_NAME.fullmatch(name) for name in names]
    return sorted(_Entry(int(match[2]), int(match[1]), int(match[3]), match[0]) for match in found if match)


def _write(directory: Path, state: State, attempt: int) -> None:
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


def _content(path: Path) -> dict[str, Any]:
    """What state.json says. Raises `CheckpointRefused` where it is not what was written."""
    try:
        document = json.loads(path.read_text())
        found, checksum, content = document["format"], document["checksum"], document["content"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointRefused(f"{PLAIN} is not a checkpoint's.") from error
    if found != FORMAT:
        raise CheckpointRefused(f"it has format {found}; this version reads format {FORMAT}.")
    if not isinstance(content, dict) or checksum != _checksum(json.dumps(content, allow_nan=False)):
        raise CheckpointRefused(f"{PLAIN} is not as it was written (its checksum differs).")
    return content


def _check(content: dict[str, Any], entry: _Entry, expected: str) -> None:
    if (content["attempt"], content["step"]) != (entry.attempt, entry.step):
        raise CheckpointRefused(
            f"it was written at step {content['step']} of attempt {content['attempt']}: it has been renamed."
        )
    if content["fingerprint"] != expected:
        raise CheckpointRefused("it is of another job: problem, optimizer, seed or dtype differ.")


def _state(content: dict[str, Any], tensors: Path) -> State:
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
    """Bring a file to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
