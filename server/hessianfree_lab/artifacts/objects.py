"""Files of runs as objects behind a URL, RUN/PATH each."""

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from hessianfree_lab.artifacts.incoming import Incoming, Limits, discard_dead, receiving
from hessianfree_lab.artifacts.paths import checked
from hessianfree_lab.errors import Fault, InvalidRequest, RecordNotFound
from hessianfree_lab.records.artifacts import Artifact
from hessianfree_lab.storage.objects import Objects


@dataclass(frozen=True, kw_only=True)
class ArtifactObjects:
    """`Artifacts` that several servers may share. A file is received into the folder `drafts`, and then put there."""

    objects: Objects
    drafts: Path
    limits: Limits
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def listing(self, run_id: str) -> list[Artifact]:
        found = [
            Artifact(
                path=stored.key.removeprefix(f"{run_id}/"), bytes=stored.bytes, modified=stored.changed_at
            )
            for stored in self.objects.listing(run_id)
        ]
        return sorted(found, key=lambda artifact: artifact.path)

    def incoming(self, run_id: str, path: str) -> AbstractContextManager[Incoming]:
        parts = checked(path)
        return receiving(self.drafts, self.limits, lambda draft, size: self._keep(run_id, parts, draft, size))

    def open(self, run_id: str, path: str) -> tuple[BinaryIO, int]:
        checked(path)
        try:
            return self.objects.open(f"{run_id}/{path}")
        except FileNotFoundError:
            raise _missing(run_id, path) from None

    def remove(self, run_id: str, path: str) -> None:
        checked(path)
        if not self.objects.has(f"{run_id}/{path}"):
            raise _missing(run_id, path)
        self.objects.remove(f"{run_id}/{path}")

    def discard_drafts(self) -> None:
        discard_dead(self.drafts)

    def _keep(self, run_id: str, parts: tuple[str, ...], draft: Path, size: int) -> Artifact:
        path = "/".join(parts)
        with self._lock:  # of this server: with others the limits may be passed by what is received at once
            there = self.listing(run_id)
            self.limits.check(path, size, there)
            # Objects could stand so; whoever copies them into folders could not.
            folders = {"/".join(parts[:length]) for length in range(1, len(parts))}
            if any(other.path in folders or other.path.startswith(f"{path}/") for other in there):
                message = f"{path} cannot be a file: it is a folder, or a part of it is a file."
                raise InvalidRequest([Fault("path", message)])
            self.objects.put(draft, f"{run_id}/{path}")
        return Artifact(path=path, bytes=size, modified=datetime.now(UTC))


def _missing(run_id: str, path: str) -> RecordNotFound:
    return RecordNotFound(f"Run {run_id} has no artifact {path!r}.")
