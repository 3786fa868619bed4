"""What removed runs have recorded is gone in the end, whatever comes between."""

from pathlib import Path

from sqlalchemy import func, select

from hessianfree_lab.store import SqlStore
from hessianfree_lab.store.tables import metadata, runs
from server.databases import database
from server.makers import announcement, batch, finish, line, spec, spectrum, steps, trace


def test_a_removal_that_was_interrupted_is_gone_on_with(tmp_path: Path) -> None:
    with database(f"sqlite:///{tmp_path}/lab.sqlite") as engine:
        store = SqlStore(engine, lease_seconds=20.0)
        worker = store.add_worker(announcement())
        for _ in range(2):
            job, _ = store.add_job(spec(tags=["a"]))
            store.claim_job(worker)
            store.append(job.id, steps(1, 2_500))
            store.append(job.id, batch(cg=[trace(1)], spectra=[spectrum(1)], logs=[line(0)]))
            store.finish(job.id, finish())
            store.remove_run(job.id)
        for _ in range(3):
            assert store.clear_removed()
        again = SqlStore(engine, lease_seconds=20.0)
        while again.clear_removed():
            pass
        of_runs = [
            table for table in metadata.sorted_tables if "run_id" in table.c and table.name != "events"
        ]
        with engine.connect() as connection:
            left = {
                table.name: connection.scalar(select(func.count()).select_from(table))
                for table in (*of_runs, runs)
            }
        assert len(left) > 8
        assert set(left.values()) == {0}
