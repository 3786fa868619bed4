"""Files while they are received: beside the others, within their limits, and gone unless they are kept."""

import errno
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hessianfree_lab.errors import ArtifactTooLarge, NoSpace
from hessianfree_lab.records.artifacts import Artifact

DEAD_SECONDS = 3600.0
"""A draft that nobody has written to for so long is of a process that has died: who stops sending is cut off."""
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Of files of runs."""

    max_bytes: int  # of a file
    max_run_bytes: int  # of all files of a run
    max_files: int  # of a run

    def check(self, path: str, size: int, there: Sequence[Artifact]) -> None:
        """Raise `ArtifactTooLarge` where a file of that size would be too much beside those that are there."""
        others = [artifact for artifact in there if artifact.path != path]
        in_all = sum(artifact.bytes for artifact in others) + size
        if in_all > self.max_run_bytes or len(others) >= self.max_files:
            message = (
                f"With {path} the run would have {len(others) + 1} files of {in_all} bytes; at most "
                f"{self.max_files} files of {self.max_run_bytes} bytes are allowed."
            )
            raise ArtifactTooLarge(message)


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A file that is being received; `place` gives the draft, of so many bytes, its place."""

    draft: Path
    file: BinaryIO
    limits: Limits
    place: Callable[[Path, int], Artifact]

    def write(self, content: bytes) -> None:
        """Append; `ArtifactTooLarge` once it is more than a file may have."""
        if self.file.tell() + len(content) > self.limits.max_bytes:
            message = f"The file is too large: at most {self.limits.max_bytes} bytes are allowed."
            raise ArtifactTooLarge(message)
        self.file.write(content)

    def keep(self) -> Artifact:
        """It is complete: put it in its place, on the disk before anybody can see it."""
        self.file.flush()
        os.fsync(self.file.fileno())
        return self.place(self.draft, self.file.tell())


@contextmanager
def receiving(folder: Path, limits: Limits, place: Callable[[Path, int], Artifact]) -> Iterator[Incoming]:
    """A draft in `folder` while the context lasts. Raises `NoSpace` where the disk has none."""
    draft = folder / secrets.token_hex(16)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with draft.open("xb") as file:
            try:
                yield Incoming(draft=draft, file=file, limits=limits, place=place)
            finally:
                draft.unlink(missing_ok=True)
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        raise NoSpace("There is no space left for the files of runs. What was there is unchanged.") from error


def discard_dead(folder: Path) -> None:
    """Remove the drafts of processes that have died; others may be receiving there."""
    if not folder.is_dir():
        return
    for draft in folder.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - draft.stat().st_mtime > DEAD_SECONDS:
                draft.unlink()
