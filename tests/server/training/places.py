"""Places where checkpoints are kept, as tests look into them and meddle with what is there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from hessianfree_lab.storage.objects import Objects
from hessianfree_lab.storage.shelf import FolderShelf, ObjectShelf, Shelf


class Place(Protocol):
    shelf: Shelf

    def names(self) -> list[str]:
        """Of all checkpoints, oldest first, and of whatever else is there."""
        ...

    def opened(self, name: str) -> "Iterator[Path]":
        """A folder with the files of a checkpoint; what is done there is done to it."""
        ...


class FolderPlace:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.shelf = FolderShelf(directory)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir())

    @contextmanager
    def opened(self, name: str) -> Iterator[Path]:
        (self.directory / name).mkdir(exist_ok=True)
        yield self.directory / name


class ObjectPlace:
    def __init__(self, objects: Objects, scratch: Path) -> None:
        self.objects = objects
        self.shelf = ObjectShelf(objects, scratch / "of the shelf")
        self._scratch = scratch / "of the test"

    def names(self) -> list[str]:
        return sorted({stored.key.partition("/")[0] for stored in self.objects.listing()})

    @contextmanager
    def opened(self, name: str) -> Iterator[Path]:
        folder = self._scratch / name
        folder.mkdir(parents=True)
        for stored in self.objects.listing(name):
            self.objects.fetch(stored.key, folder / stored.key.partition("/")[2])
            self.objects.remove(stored.key)
        yield folder
        for path in folder.iterdir():
            self.objects.put(path, f"{name}/{path.name}")


class Stopping(Objects):
    """Objects of a process that dies, or whose network ends, before its so many-th change."""

    def __init__(self, url: str, changes: int, end: Callable[[], BaseException]) -> None:
        super().__init__(url)
        self._left = changes
        self._end = end

    def put(self, file: Path, key: str) -> None:
        self._count()
        super().put(file, key)

    def remove(self, key: str) -> None:
        self._count()
        super().remove(key)

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise self._end()
