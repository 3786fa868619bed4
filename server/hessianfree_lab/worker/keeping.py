"""Where the jobs of this worker keep their checkpoints, and how many; and which one a job goes on from."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from hessianfree_lab.errors import StorageDenied, StorageUnavailable
from hessianfree_lab.records import Assignment
from hessianfree_lab.storage.location import area, folder_of, is_url, objects_of
from hessianfree_lab.storage.shelf import FolderShelf, ObjectShelf, Shelf
from hessianfree_lab.variables import of_setting

if TYPE_CHECKING:
    from hessianfree_lab.training.checkpoints import Checkpoints
    from hessianfree_lab.training.state import State

WAIT_FOR_STORAGE_SECONDS = 300.0
"""Rather than begin anew what has taken hours."""

_STORAGE, _NEWEST = of_setting("storage"), of_setting("keep_checkpoints")
_SCRATCH = ".transfer"


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """`storage`: a folder that several machines share, or a URL; None: the worker's own folder. `newest`: of a run."""

    storage: str | None = None
    newest: int = 2

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """What `variables` of the worker said."""
        return cls(
            storage=environment.get(_STORAGE) or None, newest=int(environment.get(_NEWEST) or cls.newest)
        )

    @property
    def is_elsewhere(self) -> bool:
        """Whether they go to another machine, for which no training should have to wait."""
        return self.storage is not None

    def variables(self) -> dict[str, str]:
        """For the environment of the jobs' processes, wherever an executor starts them."""
        return {_STORAGE: self.storage or "", _NEWEST: str(self.newest)}

    def check(self) -> None:
        """Raise `ConfigurationError` for a storage that cannot be used here; asks nobody."""
        if self.storage is not None:
            area(self.storage, "checkpoints")

    def shelf(self, run: str, own: Path, *, rank: int = 0) -> Shelf:
        """Of a run. `own`: its folder on this machine, which its processes have for themselves."""
        if self.storage is None:
            return FolderShelf(own)
        if is_url(self.storage):
            return ObjectShelf(objects_of(self.storage, "checkpoints", run), own / f"{_SCRATCH}-{rank}")
        return FolderShelf(folder_of(self.storage, "checkpoints") / run)


def newest_of(
    checkpoints: "Checkpoints",
    assignment: Assignment,
    *,
    at_most_step: int,
    is_enough: Callable[[], bool] = lambda: False,
) -> "tuple[State | None, list[str]]":
    """The newest checkpoint that counts for an attempt, and a sentence about each newer one that cannot be used.

    `StorageUnavailable`: nobody could say for five minutes, or until it was enough. `StorageDenied`: nobody will.
    """
    deadline = time.monotonic() + WAIT_FOR_STORAGE_SECONDS
    while True:
        try:
            return checkpoints.newest(
                since_attempt=assignment.since_attempt,
                at_most_step=at_most_step,
                outdated_after=assignment.outdated_after,
            )
        except StorageDenied:
            raise
        except StorageUnavailable:
            if is_enough() or time.monotonic() > deadline:
                raise
            time.sleep(1.0)
