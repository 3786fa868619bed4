"""The page of the dashboard's speed, and the data that it is measured on."""

from pathlib import Path

from dashboard import markdown
from dashboard_data import fill
from service_load import Scene

from hessianfree_lab.store import open_store


def test_every_row_says_whether_its_target_is_met() -> None:
    scene = Scene(name="server")
    scene.add("quick", "12 ms", "< 60 ms", met=True)
    scene.add("slow", "61 ms", "< 60 ms", met=False)
    scene.add("whatever", "5 ms")
    lines = markdown(scene.rows, (0.5, 1.0), "python benchmarks/dashboard.py").splitlines()
    assert [line for line in lines if line.startswith("| server")] == [
        "| server | quick | 12 ms | < 60 ms | yes |",
        "| server | slow | 61 ms | < 60 ms | no |",
        "| server | whatever | 5 ms |  |  |",
    ]
    assert "    python benchmarks/dashboard.py" in lines


def test_the_database_holds_what_is_measured(tmp_path: Path) -> None:
    lab = fill(tmp_path, runs=104, live=1, steps=(1500, 30, 3))
    store = open_store(f"sqlite:///{tmp_path / 'hessianfree.sqlite'}", lease_seconds=20)
    last = {run: store.series(run, ["loss"]).steps[-1] for run in (lab.long, *lab.hundred, *lab.live)}
    assert (last[lab.long], last[lab.ten[0]], last[lab.hundred[-1]], last[lab.live[0]]) == (1500, 30, 3, 200)
    assert store.get_run(lab.live[0]).state == "running"
    assert sum(store.counts().runs.values()) == lab.runs == 104
    assert len(lab.hundred) == 100
    store.close()
