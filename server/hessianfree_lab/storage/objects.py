"""Objects behind a URL, as fsspec reaches them: S3, and whatever else it knows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from hessianfree_lab.errors import ConfigurationError, StorageDenied, StorageUnavailable
from hessianfree_lab.storage.denial import is_denial

_READ_AHEAD_BYTES = 4 * 2**20
# Training waits for what is done here: for one that is silent a minute, where the packages would for an hour.
_OPTIONS: Mapping[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 5, "read_timeout": 20, "retries": {"total_max_attempts": 3}}}
}
_PACKAGES = {
    "s3": "pip install 'hessianfree-lab[s3]'",
    "gs": "pip install gcsfs",
    "abfs": "pip install adlfs",
}
# How the packages that list objects call the time of their last change.
_CHANGED = ("LastModified", "last_modified", "mtime", "updated")


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An object that is there."""

    key: str
    bytes: int
    changed_at: datetime


class Objects:
    """What lies below one URL. Keys are relative to it, their parts separated by slashes; none is ever a pattern.

    An object is put as a whole or not at all, and seen by all who look afterwards. Everything that goes wrong is an
    OSError: `FileNotFoundError` where nothing is, `StorageUnavailable` otherwise, `StorageDenied` where it
    will not pass.
    """

    def __init__(self, url: str) -> None:
        """Asks nobody yet. Raises `ConfigurationError` for a URL that cannot be used here."""
        self.url = url.rstrip("/")
        protocol = self.url.partition("://")[0]
        try:
            import fsspec

            # Others write there too: what was listed a moment ago says nothing.
            options = {"use_listings_cache": False} | _OPTIONS.get(protocol, {})
            self._files, root = fsspec.core.url_to_fs(self.url, **options)
        except ImportError as error:
            remedy = _PACKAGES.get(protocol, "install the package of fsspec that knows it")
            raise ConfigurationError(f"{protocol}:// cannot be used here: {remedy}.") from error
        except ValueError as error:
            raise ConfigurationError(f"The storage {self.url} cannot be used: {error}.") from error
        if protocol == "s3":
            self._files.retries = 1  # each of them would be three attempts
        self._root = str(root).rstrip("/")

    def put(self, file: Path, key: str) -> None:
        """Put a file there, in place of what was there."""
        with self._telling("write", key):
            try:
                self._files.put_file(str(file), self._at(key))
            except FileNotFoundError as error:
                raise self._missing(error) from error

    def fetch(self, key: str, to: Path) -> None:
        """Write what is there into a file."""
        with self._telling("read", key):
            self._files.get_file(self._at(key), str(to))

    def open(self, key: str) -> tuple[BinaryIO, int]:
        """To read from, which is the caller's to close, and its length in bytes."""
        with self._telling("read", key):
            info = self._files.info(self._at(key))
            if info["type"] != "file":  # what other keys begin with
                raise FileNotFoundError(key)
            file = self._files.open(self._at(key), "rb", block_size=_READ_AHEAD_BYTES)
        return cast("BinaryIO", file), int(info["size"])

    def has(self, key: str) -> bool:
        with self._telling("read", key):
            return bool(self._files.isfile(self._at(key)))

    def remove(self, key: str) -> None:
        """Remove what is there; it is no error if nothing is."""
        with self._telling("remove", key):
            try:
                self._files.rm_file(self._at(key))
            except FileNotFoundError:
                return

    def listing(self, prefix: str = "") -> list[Stored]:
        """All whose key begins with these parts, by key. That the bucket itself is missing is not "none"."""
        with self._telling("list", prefix):
            try:
                found = self._files.find(self._at(prefix), detail=True)
            except FileNotFoundError as error:
                raise self._missing(error) from error
            stored = [
                Stored(key=self._key(name), bytes=int(info["size"] or 0), changed_at=self._changed_at(info))
                for name, info in found.items()
                if info["type"]
                == "file"  # s3fs names the folder where the first object comes between its two looks
            ]
        return sorted(stored, key=lambda one: one.key)

    def _at(self, key: str) -> str:
        return f"{self._root}/{key}" if key else self._root

    def _key(self, name: str) -> str:
        return name.removeprefix(self._root).strip("/")

    def _changed_at(self, info: Mapping[str, Any]) -> datetime:
        found = next((info[name] for name in _CHANGED if info.get(name) is not None), None)
        if isinstance(found, int | float):
            return datetime.fromtimestamp(found, UTC)
        if not isinstance(found, datetime):
            found = self._files.modified(info["name"])
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)

    def _missing(self, error: FileNotFoundError) -> StorageDenied:
        """The bucket, that is: of what lies in one nothing need be there."""
        return StorageDenied(f"{self.url} is not there: {_words(error)}.")

    @contextmanager
    def _telling(self, verb: str, key: str) -> Iterator[None]:
        """Each package has exceptions of its own, which nobody else here knows."""
        try:
            yield
        except (FileNotFoundError, StorageUnavailable):
            raise
        except Exception as error:
            where = f"{self.url}/{key}" if key else self.url
            kind = StorageDenied if is_denial(error) else StorageUnavailable
            raise kind(f"Cannot {verb} {where}: {_words(error)}.") from error


def _words(error: Exception) -> str:
    """The first line of what it says, without the point at its end."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")
