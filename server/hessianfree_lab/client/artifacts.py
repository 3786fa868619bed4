"""Files of a run, sent and fetched."""

from pathlib import Path
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter

from hessianfree_lab.client.connection import Connection
from hessianfree_lab.records.artifacts import Artifact

_ARTIFACTS = TypeAdapter(list[Artifact])
_PATIENCE = httpx.Timeout(300.0, connect=5.0)  # a file is longer under way than a record


class RunArtifacts:
    """The files of one run, through a server's `Client`. A path without a name in each part is a ValueError."""

    def __init__(self, connection: Connection, run_id: str) -> None:
        self._connection = connection
        self._address = f"/runs/{run_id}/artifacts"

    def listing(self) -> list[Artifact]:
        return _ARTIFACTS.validate_python(self._connection.get(self._address)["items"])

    def put(self, path: str, file: Path) -> Artifact:
        """Send a file, to stand under `path` in place of what was there."""
        with file.open("rb") as content:
            answer = self._connection.request("PUT", self._at(path), content=content, timeout=_PATIENCE)
        return Artifact.model_validate(answer.json())

    def fetch(self, path: str) -> bytes:
        return self._connection.request("GET", self._at(path), timeout=_PATIENCE).content

    def remove(self, path: str) -> None:
        self._connection.request("DELETE", self._at(path))

    def _at(self, path: str) -> str:
        if not {"", ".", ".."}.isdisjoint(path.split("/")):
            # On its way such an address would be made shorter, and name something else.
            raise ValueError(f"{path!r} is no path of an artifact: each of its parts must have a name")
        return f"{self._address}/{quote(path)}"
