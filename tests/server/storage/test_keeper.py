"""Files that nobody needs are removed, in a folder and in S3; everything else is left, and added up."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hessianfree_lab.filing import artifacts_of, keeper_of
from hessianfree_lab.keeper import Keeper, Total
from hessianfree_lab.settings import Settings
from hessianfree_lab.storage.location import area, folder_of, is_url, objects_of
from hessianfree_lab.store import Store
from server.api.lab import lab
from server.makers import announcement, finish, spec
from server.s3 import S3

UNKNOWN = "01a208ae-b0de-73ff-8553-1530977afeca"
Put = Callable[[str, str, int], None]


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "shared")
    s3: S3 = request.getfixturevalue("s3")
    return s3.new_storage()


@pytest.fixture
def put(storage: str, tmp_path: Path) -> Put:
    """Put a file of so many bytes there."""

    def file(half: str, key: str, size: int) -> None:
        if not is_url(storage):
            path = folder_of(storage, half) / key  # type: ignore[arg-type]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * size)
            return
        (tmp_path / "file").write_bytes(b"x" * size)
        objects_of(storage, half).put(tmp_path / "file", key)  # type: ignore[arg-type]

    return file


def runs_by_state(store: Store) -> dict[str, str]:
    """A run in each of these states, by state."""
    worker = store.add_worker(announcement(slots=9))
    made = {}
    for state in ("completed", "failed", "running", "queued"):
        made[state] = store.add_job(spec())[0].id
        if state != "queued":
            store.claim_job(worker)
        if state in ("completed", "failed"):
            store.finish(made[state], finish(state))
    return made


def test_what_nobody_needs_goes_after_some_days_and_everything_else_stays(
    storage: str, put: Put, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data", storage=storage, keep_days=3)
    with lab(tmp_path) as made:
        runs = runs_by_state(made.store)
        for run in (*runs.values(), UNKNOWN):
            put("artifacts", f"{run}/a/b", 100)
            put("checkpoints", f"{run}/00000001-attempt-1-step-10/state.json", 1_000)
        put("checkpoints", "somebody/elses/file", 10_000)
        now = datetime.now(UTC)
        keeper = keeper_of(settings, made.store, artifacts_of(settings), clock=lambda: now)

        def left(half: str, *, days: float) -> set[str]:
            nonlocal now
            now = datetime.now(UTC) + timedelta(days=days)
            keeper.look()
            return {holding.run for holding in area(storage, half).holdings()}  # type: ignore[arg-type]

        assert left("checkpoints", days=2.9) == left("artifacts", days=2.9) == {*runs.values(), UNKNOWN}
        assert keeper.totals == {
            "artifacts": Total(runs=5, bytes=500),
            "checkpoints": Total(runs=5, bytes=5_000),
        }
        assert left("artifacts", days=3.1) == set(runs.values())
        assert left("checkpoints", days=3.1) == {runs["running"], runs["queued"]}
        assert keeper.totals["checkpoints"] == Total(runs=2, bytes=2_000)
    put("checkpoints", "somebody/elses/file", 1)  # still a folder that can be written to


def test_checkpoints_that_lie_with_the_workers_are_none_of_the_servers(tmp_path: Path) -> None:
    """As of `hessianfree up`, where both have one data directory."""
    settings = Settings(data_dir=tmp_path, keep_days=0)
    with lab(tmp_path) as made:
        checkpoint = tmp_path / "checkpoints" / UNKNOWN / "00000001-attempt-1-step-10"
        artifact = tmp_path / "artifacts" / UNKNOWN
        checkpoint.mkdir(parents=True)
        artifact.mkdir(parents=True)
        os.utime(artifact, (0, 0))
        keeper_of(settings, made.store, artifacts_of(settings)).look()
        assert checkpoint.exists()
        assert not artifact.exists()


def test_a_place_that_does_not_answer_keeps_nobody_from_the_other(tmp_path: Path, s3: S3) -> None:
    with lab(tmp_path) as made:
        good = tmp_path / "artifacts" / UNKNOWN
        good.mkdir(parents=True)
        (good / "a").write_bytes(b"xx")
        places = {
            "checkpoints": area("s3://no-such-bucket", "checkpoints"),
            "artifacts": area(str(tmp_path), "artifacts"),
        }
        keeper = Keeper(
            made.store, places, passing=frozenset(), keep=timedelta(days=1), discard_drafts=lambda: None
        )
        keeper.look()
        assert keeper.totals == {"artifacts": Total(runs=1, bytes=2)}
