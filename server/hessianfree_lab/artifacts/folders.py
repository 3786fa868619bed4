"""Files of runs in folders: one a run, and no way out of it."""

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from hessianfree_lab.artifacts.incoming import Incoming, Limits, discard_dead, receiving
from hessianfree_lab.artifacts.paths import checked
from hessianfree_lab.errors import Fault, InvalidRequest, RecordNotFound
from hessianfree_lab.records.artifacts import Artifact

_INCOMING = ".incoming"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, kw_only=True)
class ArtifactFolders:
    """`Artifacts` below `root`.

    A path is checked part by part, and then walked part by part from the run's folder, following no link: also what
    somebody else put there leads nowhere else.
    """

    root: Path
    limits: Limits
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def listing(self, run_id: str) -> list[Artifact]:
        return sorted(self._files(run_id), key=lambda artifact: artifact.path)

    def incoming(self, run_id: str, path: str) -> AbstractContextManager[Incoming]:
        parts = checked(path)
        return receiving(
            self.root / _INCOMING, self.limits, lambda draft, size: self._keep(run_id, parts, draft, size)
        )

    def open(self, run_id: str, path: str) -> tuple[BinaryIO, int]:
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
        parts = checked(path)
        try:
            with self._folder(run_id, parts[:-1]) as folder:
                os.unlink(parts[-1], dir_fd=folder)
        except OSError:
            raise _missing(run_id, path) from None

    def discard_drafts(self) -> None:
        discard_dead(self.root / _INCOMING)

    def _keep(self, run_id: str, parts: tuple[str, ...], draft: Path, size: int) -> Artifact:
        """Give a draft its place, in one step: a reader finds the old file or the new one."""
        path = "/".join(parts)
        with self._lock:
            self.limits.check(path, size, list(self._files(run_id)))
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


def _make_folder(part: str, within: int) -> None:
    try:
        os.mkdir(part, dir_fd=within)
    except FileExistsError:
        return


def _missing(run_id: str, path: str) -> RecordNotFound:
    return RecordNotFound(f"Run {run_id} has no artifact {path!r}.")
