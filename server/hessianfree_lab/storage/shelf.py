"""Checkpoints as a shelf sees them: under a name a few files, which are there together or not at all."""

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from hessianfree_lab.storage.objects import Objects

SEAL = "state.json"
"""The file without which there is no checkpoint: put last, removed first."""

Write = Callable[[Path], None]
"""Writes the files, the seal among them, into a folder that is there, and brings them to the disk."""


class Shelf(Protocol):
    """The checkpoints of one run.

    What is put is safe when `put` returns. All methods raise OSError where they cannot do what they say, `put` leaving
    what was there before.
    """

    def names(self) -> list[str]:
        """Of all that are there."""
        ...

    def unfinished(self) -> list[str]:
        """Of those that somebody began to put or to remove, and did not; `remove` ends it."""
        ...

    def put(self, name: str, write: Write) -> None:
        """Put one there; the name is a new one."""
        ...

    @contextmanager
    def file(self, name: str, file: str) -> Iterator[Path]:
        """One of its files, to be read while the context lasts. `FileNotFoundError`: it is not there."""
        ...

    def remove(self, name: str) -> None:
        """Remove one, or what is left of it. Half of it never looks like one."""
        ...


class FolderShelf:
    """Folders below one folder: each is written under a name with a dot before it, and then renamed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def names(self) -> list[str]:
        return [name for name in self._entries() if not name.startswith(".")]

    def unfinished(self) -> list[str]:
        return [name[1:] for name in self._entries() if name.startswith(".")]

    def put(self, name: str, write: Write) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        scratch = self._leaving(name)
        scratch.mkdir()
        try:
            write(scratch)
            _sync(scratch)
            scratch.rename(self.directory / name)
        except BaseException:  # also a full disk: what is left there is in the way of everybody
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        _sync(self.directory)

    @contextmanager
    def file(self, name: str, file: str) -> Iterator[Path]:
        yield self.directory / name / file

    def remove(self, name: str) -> None:
        leaving = self._leaving(name)
        if leaving.exists():
            shutil.rmtree(leaving)
        if (self.directory / name).exists():
            (self.directory / name).rename(leaving)
            shutil.rmtree(leaving)

    def _leaving(self, name: str) -> Path:
        return self.directory / f".{name}"

    def _entries(self) -> list[str]:
        if not self.directory.is_dir():
            return []
        return [path.name for path in self.directory.iterdir() if path.is_dir()]


class ObjectShelf:
    """Objects below one URL. Whoever finds the seal finds the other files, which were put before it.

    `scratch` is a folder of this process alone: files lie there on their way to the objects and back.
    """

    def __init__(self, objects: Objects, scratch: Path) -> None:
        self._objects = objects
        self._scratch = scratch

    def names(self) -> list[str]:
        return [name for name, files in self._entries().items() if SEAL in files]

    def unfinished(self) -> list[str]:
        return [name for name, files in self._entries().items() if SEAL not in files]

    def put(self, name: str, write: Write) -> None:
        with self._folder() as folder:
            write(folder)
            for file in sorted(folder.iterdir(), key=lambda path: path.name == SEAL):
                self._objects.put(file, f"{name}/{file.name}")

    @contextmanager
    def file(self, name: str, file: str) -> Iterator[Path]:
        with self._folder() as folder:
            self._objects.fetch(f"{name}/{file}", folder / file)
            yield folder / file

    def remove(self, name: str) -> None:
        files = self._entries().get(name, [])
        for file in sorted(files, key=lambda file: file != SEAL):
            self._objects.remove(f"{name}/{file}")

    def _entries(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for stored in self._objects.listing():
            name, _, file = stored.key.partition("/")
            found[name].append(file)
        return found

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """An empty one, gone afterwards; what a process that died left there goes, too."""
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        try:
            yield self._scratch
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)


def _sync(path: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
