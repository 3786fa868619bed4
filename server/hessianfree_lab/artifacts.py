"""Files that belong to runs: one folder a run, and no way out of it."""

import errno
import os
import re
import secrets
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from hessianfree_lab.errors import ArtifactTooLarge, Fault, InvalidRequest, NoSpace, RecordNotFound
from hessianfree_lab.records.artifacts import Artifact

MAX_PARTS = 16
MAX_PATH_BYTES = 1024
MAX_PART_BYTES = 200
_INCOMING = ".incoming"
# What some system takes for a device, a stream or another name: a folder is to be readable wherever it is copied to.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f<>:\"|?*\\\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, kw_only=True)
class ArtifactFolders:
    """Folders of runs below `root`, named by the runs' ids, which the caller has looked up.

    A path is checked part by part, and then walked part by part from the run's folder, following no link: also what
    somebody else put there leads nowhere else.
    """

    root: Path
    max_bytes: int  # of a file
    max_run_bytes: int  # of all files of a run
    max_files: int  # of a run
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def listing(self, run_id: str) -> list[Artifact]:
        """Every file of a run, by path."""
        return sorted(self._files(run_id), key=lambda artifact: artifact.path)

    @contextmanager
    def incoming(self, run_id: str, path: str) -> Iterator["Incoming"]:
        """A file on its way in: `write` what comes, then `keep` it; without that nothing is left of it.

        Raises `NoSpace` where the disk has none.
        """
        parts = checked(path)
        folder = self.root / _INCOMING
        draft = folder / secrets.token_hex(16)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with draft.open("xb") as file:
                try:
                    yield Incoming(folders=self, run_id=run_id, parts=parts, draft=draft, file=file)
                finally:
                    draft.unlink(missing_ok=True)
        except OSError as error:
            if error.errno not in _NO_SPACE:
                raise
            raise NoSpace(
                "There is no space left for the files of runs. What was there is unchanged."
            ) from error

    def open(self, run_id: str, path: str) -> tuple[BinaryIO, int]:
        """A file to read from, which is the caller's to close, and its length in bytes."""
        parts = checked(path)
        try:
            with self._folder(run_id, parts[:-1]) as folder:
                descriptor = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except OSError:
            raise _missing(run_id, path) from None
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise _missing(run_id, path)
        return os.fdopen(descriptor, "rb"), found.st_size

    def remove(self, run_id: str, path: str) -> None:
        """Remove one file."""
        parts = checked(path)
        try:
            with self._folder(run_id, parts[:-1]) as folder:
                os.unlink(parts[-1], dir_fd=folder)
        except OSError:
            raise _missing(run_id, path) from None

    def discard_drafts(self) -> None:
        """Remove what a server that was killed had received in part."""
        shutil.rmtree(self.root / _INCOMING, ignore_errors=True)

    def remove_all(self, run_id: str) -> None:
        """Remove the folder of a run that is gone."""
        shutil.rmtree(self.root / run_id, ignore_errors=True)

    def keep(self, run_id: str, parts: tuple[str, ...], draft: Path, size: int) -> Artifact:
        """Give a draft its place, in one step: a reader finds the old file or the new one."""
        path = "/".join(parts)
        with self._lock:
            others = [artifact for artifact in self._files(run_id) if artifact.path != path]
            in_all = sum(artifact.bytes for artifact in others) + size
            if in_all > self.max_run_bytes or len(others) >= self.max_files:
                message = (
                    f"With {path} the run would have {len(others) + 1} files of {in_all} bytes; at most "
                    f"{self.max_files} files of {self.max_run_bytes} bytes are allowed."
                )
                raise ArtifactTooLarge(message)
            try:
                with self._folder(run_id, parts[:-1], make=True) as folder:
                    os.replace(draft, parts[-1], dst_dir_fd=folder)
                    os.fsync(folder)
            except (IsADirectoryError, NotADirectoryError, FileExistsError):
                message = f"{path} cannot be a file: it is a folder, or a part of it is a file."
                raise InvalidRequest([Fault("path", message)]) from None
        return Artifact(path=path, bytes=size, modified=datetime.now(UTC))

    def _files(self, run_id: str) -> Iterator[Artifact]:
        home = self.root / run_id
        if not home.is_dir():
            return
        for folder, _, names, descriptor in os.fwalk(home, follow_symlinks=False):
            for name in names:
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if stat.S_ISREG(found.st_mode):
                    path = (Path(folder) / name).relative_to(home).as_posix()
                    modified = datetime.fromtimestamp(found.st_mtime, UTC)
                    yield Artifact(path=path, bytes=found.st_size, modified=modified)

    @contextmanager
    def _folder(self, run_id: str, parts: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
        """A descriptor of the folder at the end of the parts; `make` those that are missing."""
        if make:
            (self.root / run_id).mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.root / run_id, _FOLDER)
        try:
            for part in parts:
                if make:
                    _make_folder(part, descriptor)
                inner = os.open(part, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A file that is being received."""

    folders: ArtifactFolders
    run_id: str
    parts: tuple[str, ...]
    draft: Path
    file: BinaryIO

    def write(self, content: bytes) -> None:
        """Append; `ArtifactTooLarge` once it is more than a file may have."""
        if self.file.tell() + len(content) > self.folders.max_bytes:
            message = f"The file is too large: at most {self.folders.max_bytes} bytes are allowed."
            raise ArtifactTooLarge(message)
        self.file.write(content)

    def keep(self) -> Artifact:
        """It is complete: put it in its place, on the disk before anybody can see it."""
        self.file.flush()
        os.fsync(self.file.fileno())
        return self.folders.keep(self.run_id, self.parts, self.draft, self.file.tell())


def checked(path: str) -> tuple[str, ...]:
    """The parts of a path that stays where it is put; `InvalidRequest` for any other."""
    parts = tuple(path.split("/"))
    fault = _fault(path, parts)
    if fault is not None:
        raise InvalidRequest([Fault("path", f"path is {path[:100]!r}; {fault}.")])
    return parts


def _fault(path: str, parts: tuple[str, ...]) -> str | None:
    if _FORBIDDEN.search(path):
        return 'it must not contain control characters or any of < > : " | ? * \\'
    if len(path.encode()) > MAX_PATH_BYTES or len(parts) > MAX_PARTS:
        return f"it must have at most {MAX_PATH_BYTES} bytes in {MAX_PARTS} parts"
    for part in parts:
        if not part or part[-1] in ". " or part[0] == " ":  # . and .. end with a point
            return "its parts must have a name, must not be . or .., begin with a space, or end with a space or a point"
        if len(part.encode()) > MAX_PART_BYTES:
            return f"each of its parts must have at most {MAX_PART_BYTES} bytes"
        if _DEVICES.fullmatch(part):
            return f"{part!r} is the name of a device on some systems"
    return None


def _make_folder(part: str, within: int) -> None:
    try:
        os.mkdir(part, dir_fd=within)
    except FileExistsError:
        return


def _missing(run_id: str, path: str) -> RecordNotFound:
    return RecordNotFound(f"Run {run_id} has no artifact {path!r}.")
