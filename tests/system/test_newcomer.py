"""The first command of a newcomer: four optimizers on the same digits, all the way to the end."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hessianfree_lab.client import Client
from hessianfree_lab.store import RunQuery, open_store
from system.launch import Launched, clean_environment, launched, run, wait_until

STEPS = 3
NAMES = {"Hessian-free", "Hessian-free, preconditioned", "Adam", "L-BFGS"}


def test_demo_ends_with_its_jobs(tmp_path: Path) -> None:
    ended = run(
        "demo",
        "--exit",
        "--steps",
        STEPS,
        "--port",
        "0",
        "--data-dir",
        tmp_path / "data",
        timeout=240,
        cwd=tmp_path,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr

    store = open_store(f"sqlite:///{tmp_path / 'data' / 'hessianfree.sqlite'}")
    runs = store.list_runs(RunQuery()).items
    store.close()
    assert {run.name for run in runs} == NAMES
    assert {run.state for run in runs} == {"completed"}
    assert {run.progress.step for run in runs} == {STEPS}
    assert len({(run.spec["problem"], run.spec["seed"]) for run in runs}) == 1
    # The same seed is the same network: all four start from one loss.
    first = [run.summary["loss"].first for run in runs]
    assert first == pytest.approx([first[0]] * len(runs), rel=1e-5)

    address = re.search(r"http://127\.0\.0\.1:\d+/compare\?runs=(\S+)", ended.stdout)
    assert address, ended.stdout
    assert set(address.group(1).split(",")) == {run.id for run in runs}
    for heading in ("loss", "time", "gradient equivalents", *NAMES):
        assert heading in ended.stdout


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Launched]:
    """A demo whose usual port is taken, and that is left running."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = clean_environment(HESSIANFREE_PORT=str(taken.getsockname()[1]))
        with launched(
            "demo", "--steps", "1000000", "--seconds", "600", "--data-dir", tmp_path / "data",
            output=tmp_path / "demo.log", environment=environment,
        ) as running:  # fmt: skip
            yield running


def test_demo_takes_another_port_and_fails_when_a_job_did(demo: Launched) -> None:
    text = demo.wait_for("Compare them live")
    assert "is taken" in text
    url = re.search(r"(http://[\d.:]+)/compare", text)
    assert url
    with Client(url.group(1)) as client:
        jobs = client.jobs()
        assert {job.name for job in jobs} == NAMES
        for job in jobs:
            client.cancel(job.id)
        wait_until(lambda: not client.jobs(), seconds=30, what="the jobs are cancelled")
    demo.wait_for("stays at")
    assert demo.stop() == 0
