"""From the setting `storage` to what lies there: artifacts in one half, checkpoints in the other."""

from pathlib import Path
from typing import Literal

from hessianfree_lab.storage.areas import Area, FolderArea, ObjectArea
from hessianfree_lab.storage.objects import Objects

Half = Literal["artifacts", "checkpoints"]
_FILE = "file://"


def is_url(storage: str) -> bool:
    """Whether it names objects behind a URL, and not a folder."""
    return "://" in storage and not storage.startswith(_FILE)


def normalized(storage: str) -> str | None:
    """A URL without a slash at its end, or the whole path of a folder; None: it says nothing."""
    storage = storage.strip()
    if not storage:
        return None
    if is_url(storage):
        return storage.rstrip("/")
    return str(Path(storage.removeprefix(_FILE)).expanduser().absolute())


def objects_of(storage: str, half: Half, run: str = "") -> Objects:
    """What lies behind the URL of that half, or of a run in it."""
    return Objects("/".join(part for part in (storage, half, run) if part))


def folder_of(storage: str, half: Half) -> Path:
    """The folder of that half, where the storage is one."""
    return Path(storage) / half


def area(storage: str, half: Half) -> Area:
    """That half, looked at from outside. Raises `ConfigurationError` for a URL that cannot be used here."""
    if is_url(storage):
        return ObjectArea(objects_of(storage, half))
    return FolderArea(folder_of(storage, half))
