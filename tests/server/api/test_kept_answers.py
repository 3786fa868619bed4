"""What is made of all rows of a run is made once, until the run changes."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hessianfree_lab.app import create_app
from hessianfree_lab.records import ScriptRun, StepRecord
from hessianfree_lab.records.series import Series
from hessianfree_lab.settings import Settings
from hessianfree_lab.store import SqlStore
from hessianfree_lab.store.measurements import Columns
from server.api.in_process import InProcess, in_process
from server.databases import database
from server.makers import batch, trace

API = "/api/v1"


class Watched(SqlStore):
    """Notes whose rows are read."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.read: list[str] = []

    def measurements(self, run_id: str, names: Sequence[str], **options: Any) -> Columns:
        self.read.append(run_id)
        return super().measurements(run_id, names, **options)

    def series(self, run_id: str, names: Sequence[str], **options: Any) -> Series:
        self.read.append(run_id)
        return super().series(run_id, names, **options)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with database(f"sqlite:///{tmp_path_factory.mktemp('lab')}/lab.sqlite") as engine:
        yield Watched(engine, lease_seconds=20.0)


@pytest.fixture(scope="module")
def asking(watched: Watched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    folder: Path = tmp_path_factory.mktemp("files")
    with in_process(create_app(Settings(data_dir=folder, port=0), watched)) as client:
        yield client


@pytest.fixture(scope="module")
def pair(watched: Watched) -> list[str]:
    """Two runs that differ in their optimizers."""
    runs = [
        watched.add_script_run(ScriptRun(name=name, problem="p", optimizer=name, config={"seed": 0})).id
        for name in ("adam", "hf")
    ]
    for run in runs:
        watched.append(run, batch(*(recorded(n) for n in range(1, 600))))
    return runs


def recorded(step: int) -> StepRecord:
    metrics = {"loss": 1 / step, "examples": 2.0, "cg_iterations": 5}
    return StepRecord(step=step, seconds=step, metrics=metrics)


@pytest.mark.parametrize(
    "path",
    [
        "comparisons/totals?runs={both}",
        "comparisons/targets?runs={both}&target=0.1",
        "figures/scatter?runs={both}&x=examples&metric=elapsed",
        "figures/performance-profile?runs={both}&x=seconds&target=0.2",
        "figures/metric?runs={both}&group=optimizer&smooth=0.5",
        "runs/sparklines?runs={both}",
        "runs/{first}/findings",
    ],
)
def test_rows_are_read_again_of_the_runs_that_have_changed_alone(
    asking: InProcess, watched: Watched, pair: list[str], path: str
) -> None:
    address = f"{API}/{path.format(both=','.join(pair), first=pair[0])}"

    def ask() -> list[str]:
        watched.read.clear()
        answer = asking.get(address)
        assert answer.status_code == 200, answer.text
        return sorted(set(watched.read))

    ask()
    assert ask() == []
    watched.append(pair[0], batch(recorded(watched.get_run(pair[0]).progress.step + 1)))
    assert ask() == [pair[0]]
    assert ask() == []


def test_findings_see_an_inner_solve_that_comes_after_its_step(
    asking: InProcess, watched: Watched, pair: list[str]
) -> None:
    def kinds() -> set[str]:
        return {item["kind"] for item in asking.get(f"{API}/runs/{pair[1]}/findings").json()["items"]}

    assert "ill-conditioned" not in kinds()
    watched.append(pair[1], batch(cg=[trace(599, ritz_values=[0.001, 900.0])]))
    assert "ill-conditioned" in kinds()
