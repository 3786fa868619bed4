"""What is asked of the place where files of runs are kept."""

from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from hessianfree_lab.artifacts.incoming import Incoming
from hessianfree_lab.records.artifacts import Artifact


class Artifacts(Protocol):
    """Files of runs, named by the run's id, which the caller has looked up, and a path within it.

    A path that `paths.checked` refuses is an `InvalidRequest`, one where no file is a `RecordNotFound`. A reader finds
    a file as a whole, the old one or the new one. `StorageUnavailable`: the place is elsewhere and does not answer.
    """

    def listing(self, run_id: str) -> list[Artifact]:
        """Every file of a run, by path."""
        ...

    def incoming(self, run_id: str, path: str) -> AbstractContextManager[Incoming]:
        """A file on its way in: `write` what comes, then `keep` it; without that nothing is left of it.

        Raises `NoSpace` where the disk has none.
        """
        ...

    def open(self, run_id: str, path: str) -> tuple[BinaryIO, int]:
        """A file to read from, which is the caller's to close, and its length in bytes."""
        ...

    def remove(self, run_id: str, path: str) -> None:
        """Remove one file."""
        ...

    def discard_drafts(self) -> None:
        """Remove what a server that was killed had received in part."""
        ...
