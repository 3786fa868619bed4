"""Files of all runs in one place, looked at from outside: whose they are, how much, how old."""

import os
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from hessianfree_lab.storage.objects import Objects

_RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What lies there of one run."""

    run: str
    bytes: int
    changed_at: datetime  # the latest change of any of it


class Area(Protocol):
    """A place with a folder for each run. What does not bear a run's id is somebody else's, and never touched."""

    def holdings(self) -> list[Holding]:
        """Of every run of which something is there. OSError where it cannot be looked at."""
        ...

    def remove(self, run: str) -> None:
        """Remove all there is of a run. OSError where something is left."""
        ...


class FolderArea:
    """Below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def holdings(self) -> list[Holding]:
        if not self._root.is_dir():
            return []
        homes = [path for path in self._root.iterdir() if _RUN.fullmatch(path.name) and path.is_dir()]
        return [_holding(path) for path in homes]

    def remove(self, run: str) -> None:
        home = self._root / run
        if _RUN.fullmatch(run) and home.is_dir():
            shutil.rmtree(home)


class ObjectArea:
    """Below a URL."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def holdings(self) -> list[Holding]:
        found: dict[str, Holding] = {}
        for stored in self._objects.listing():
            run, _, rest = stored.key.partition("/")
            if not (rest and _RUN.fullmatch(run)):
                continue
            known = found.get(run)
            found[run] = Holding(
                run=run,
                bytes=stored.bytes + (known.bytes if known else 0),
                changed_at=max(stored.changed_at, known.changed_at) if known else stored.changed_at,
            )
        return list(found.values())

    def remove(self, run: str) -> None:
        if _RUN.fullmatch(run):
            for stored in self._objects.listing(run):
                self._objects.remove(stored.key)


def _holding(home: Path) -> Holding:
    found = list(_stats(home))
    return Holding(
        run=home.name,
        bytes=sum(one.st_size for one in found if stat.S_ISREG(one.st_mode)),
        changed_at=datetime.fromtimestamp(max((one.st_mtime for one in found), default=0.0), UTC),
    )


def _stats(home: Path) -> Iterator[os.stat_result]:
    """Of the folder and of everything in it; what goes meanwhile is left out."""
    for folder, _, files in os.walk(home):
        for path in (Path(folder), *(Path(folder) / name for name in files)):
            try:
                yield path.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
