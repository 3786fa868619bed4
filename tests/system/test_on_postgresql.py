"""PostgreSQL is a setting away: a whole job, from the command line to its end, with nothing else changed."""

from pathlib import Path

from hessianfree_lab.client import Client
from server.postgres import Postgres
from system.launch import START_SECONDS, launched, run, wait_until

STEPS = 5


def test_a_job_runs_end_to_end(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.new_database()
    options = ["--port", "0", "--data-dir", tmp_path / "data", "--database-url", url]
    with launched("up", *options, output=tmp_path / "output") as lab, Client(lab.wait_for_url()) as client:
        wait_until(lambda: bool(client.workers()), seconds=START_SECONDS, what="a worker")
        job = client.submit({"problem": "rosenbrock", "optimizer": "hessianfree", "budget": {"steps": STEPS}})
        wait_until(lambda: client.run(job.id).state == "completed", seconds=120, what="the job's end")
        shown = client.run(job.id)
        assert (shown.progress.step, shown.attempt) == (STEPS, 1)
        assert shown.summary["loss"].last is not None

        copied = ("db", "copy", "--from", url, "--to", f"sqlite:///{tmp_path}/copy.sqlite")
        refused = run(*copied)
        assert refused.returncode != 0
        assert "A server works on the database" in refused.stderr
    again = run("db", "upgrade", "--database-url", url)
    assert (again.returncode, again.stderr) == (0, "")
    done = run(*copied)
    assert done.returncode == 0, done.stderr
    assert f"steps: {STEPS} of {STEPS} rows\n" in done.stderr
    assert "tables are copied." in done.stdout
    assert "DATA_DIR/artifacts" in done.stdout
