"""From the settings to where files of runs are kept, and who looks after them."""

from collections.abc import Callable
from datetime import datetime, timedelta

from hessianfree_lab.artifacts.folders import ArtifactFolders
from hessianfree_lab.artifacts.incoming import Limits
from hessianfree_lab.artifacts.interface import Artifacts
from hessianfree_lab.artifacts.objects import ArtifactObjects
from hessianfree_lab.keeper import Keeper, utc_now
from hessianfree_lab.settings import Settings
from hessianfree_lab.storage.location import area, folder_of, is_url, objects_of
from hessianfree_lab.store.interface import Store


def artifacts_of(settings: Settings) -> Artifacts:
    """Raises `ConfigurationError` for a storage that cannot be used here."""
    limits = Limits(
        max_bytes=settings.max_artifact_bytes,
        max_run_bytes=settings.max_artifacts_bytes,
        max_files=settings.max_artifacts,
    )
    storage = settings.storage or str(settings.data_dir)
    if not is_url(storage):
        return ArtifactFolders(root=folder_of(storage, "artifacts"), limits=limits)
    drafts = settings.data_dir / "artifacts" / ".incoming"
    return ArtifactObjects(objects=objects_of(storage, "artifacts"), drafts=drafts, limits=limits)


def keeper_of(
    settings: Settings, store: Store, artifacts: Artifacts, *, clock: Callable[[], datetime] = utc_now
) -> Keeper:
    """Checkpoints that lie with the workers are theirs to look after."""
    places = {"artifacts": area(settings.storage or str(settings.data_dir), "artifacts")}
    if settings.storage is not None:
        places["checkpoints"] = area(settings.storage, "checkpoints")
    return Keeper(
        store,
        places,
        passing=frozenset({"checkpoints"}),
        keep=timedelta(days=settings.keep_days),
        discard_drafts=artifacts.discard_drafts,
        clock=clock,
    )
