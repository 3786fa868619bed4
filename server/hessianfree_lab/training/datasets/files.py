"""The files of a dataset: where they lie, whether they are all there, and whether they are what they should be."""

import gzip
import hashlib
import os
import stat
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Supply
from hessianfree_lab.variables import DATASETS

_PACKED = ".gz"
_AT_ONCE = 2**20  # bytes


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """One file as it is published. `size` in bytes and `md5` are of its content, unpacked; None: not known.

    It may be there packed by gzip, with the suffix .gz. A checksum of the content holds for whoever packed it.
    """

    name: str
    size: int | None = None
    md5: str | None = None


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Files that belong together: in the subfolder of this name, or in the folder itself."""

    name: str
    files: Mapping[str, DataFile]  # by what they hold
    source: str  # where one gets them, for a person
    elsewhere: tuple[Path, ...] = ()  # folders where a package of the system puts them

    def missing(self) -> str:
        """What is to be put where, in a sentence or more; empty: all files are there.

        What cannot be looked at, or has not the size that is known, is told as well: half a download is not there.
        Checksums are compared when a file is read.
        """
        absent, unusable = [], []
        for file in self.files.values():
            try:
                place = self._place(file)
                if place is None:
                    absent.append(file.name)
                elif file.size is not None:
                    self._check_size(place, file, _size(place, file.size))
            except _Unusable as error:
                unusable.append(str(error))
        told = []
        if absent:
            folder = os.environ.get(DATASETS)
            where = (
                f"{Path(folder) / self.name}" if folder else f"a folder {self.name}/ in what --datasets names"
            )
            names = ", ".join(absent)
            told.append(
                f"{self.name} is not on this worker: put {names} (or {_PACKED}) into {where}; from {self.source}."
            )
        if unusable:
            told += [*unusable, f"Put it there anew; {self.name} is from {self.source}."]
        return " ".join(told)

    def content(self, part: str) -> bytes:
        """The file that holds `part`, unpacked.

        Raises `InvalidRequest` for one that is not there, cannot be unpacked, or has another size or checksum.
        """
        file = self.files[part]
        try:
            place = self._place(file)
            if place is None:
                raise _refused(self.missing())
            with _readable(place):
                data = place.read_bytes()
                data = gzip.decompress(data) if place.suffix == _PACKED else data
            self._check_size(place, file, len(data))
        except _Unusable as error:
            raise _refused(f"{error} Put it there anew; {self.name} is from {self.source}.") from None
        if file.md5 is not None and hashlib.md5(data, usedforsecurity=False).hexdigest() != file.md5:
            raise _refused(f"{place} is not the {file.name} of {self.name}: its checksum is another.")
        return data

    def _place(self, file: DataFile) -> Path | None:
        """Where it lies; None: nowhere. Raises `_Unusable` where it should lie, but nobody can read it."""
        named = os.environ.get(DATASETS)
        folders = [Path(named) / self.name, Path(named)] if named else []
        obstacle = None
        for place in (
            folder / name
            for folder in (*folders, *self.elsewhere)
            for name in (file.name, f"{file.name}{_PACKED}")
        ):
            try:
                if stat.S_ISREG(place.stat().st_mode):
                    return place
                obstacle = obstacle or f"{place} is no file."
            except (FileNotFoundError, NotADirectoryError):
                if place.is_symlink():
                    obstacle = obstacle or f"{place} is a link that leads nowhere."
            except OSError as error:
                obstacle = obstacle or f"{place} cannot be looked at: {error.strerror}."
        if obstacle:
            raise _Unusable(obstacle)
        return None

    def _check_size(self, place: Path, file: DataFile, size: int) -> None:
        if file.size is not None and size != file.size:
            raise _Unusable(f"{place} holds {size:,} bytes; {file.name} of {self.name} has {file.size:,}.")


def supply(sets: Sequence[DataSet], always: Sequence[str] = ()) -> Supply:
    """For an option that names one of `sets`, or what is `always` there: which there are, and what the others lack."""
    lacks = {files.name: files.missing() for files in sets}
    return Supply(
        there=[*always, *(name for name, lack in lacks.items() if not lack)],
        missing={name: lack for name, lack in lacks.items() if lack},
    )


class _Unusable(Exception):
    """A sentence about a file that is there, and of no use."""


@contextmanager
def _readable(place: Path) -> Iterator[None]:
    """Raises `_Unusable` for what goes wrong within."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise _Unusable(f"{place} cannot be read: {reason}.") from None


def _size(place: Path, expected: int) -> int:
    """Of its content, unpacked, in bytes."""
    with _readable(place):
        if place.suffix != _PACKED:
            return place.stat().st_size
        with place.open("rb") as packed:
            # The last four bytes tell [RFC 1952, 2.3.1]; only a file that was packed in parts, or cut, says otherwise.
            packed.seek(-min(4, place.stat().st_size), os.SEEK_END)
            if int.from_bytes(packed.read(), "little") == expected:
                return expected
        with gzip.open(place) as unpacked:
            return sum(len(part) for part in iter(lambda: unpacked.read(_AT_ONCE), b""))


def _refused(message: str) -> InvalidRequest:
    return InvalidRequest([Fault("problem", message)])
