"""Reads that take long leave heartbeats, claims and records their threads."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from hessianfree_lab.api.heavy_reads import AT_A_TIME
from hessianfree_lab.app import create_app
from hessianfree_lab.settings import Settings
from hessianfree_lab.store import SqlStore
from server.api.in_process import JSON, InProcess, in_process
from server.databases import empty
from server.makers import announcement, spec, steps

MANY = 60
"""More than there are threads for requests."""
AT_ONCE_SECONDS = 10.0


class Slow(SqlStore):
    """A store whose long series are read only once somebody lets it."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, lease_seconds=20.0)
        self.let = threading.Event()
        self.reading = threading.Semaphore(0)

    def recordings(self, *asked: Any) -> Any:
        self.reading.release()
        self.let.wait()
        return super().recordings(*asked)


@pytest.fixture
def slow(engine: Engine) -> Slow:
    return Slow(empty(engine))


@pytest.fixture
def client(slow: Slow, tmp_path: Path) -> Iterator[InProcess]:
    with in_process(create_app(Settings(data_dir=tmp_path, port=0), slow)) as made:
        yield made


def test_a_worker_is_answered_while_many_figures_are_being_read(client: InProcess, slow: Slow) -> None:
    worker = slow.add_worker(announcement())
    job, _ = slow.add_job(spec())
    beat = {"content": '{"runs": []}', "headers": JSON}
    records = steps(1, 3).model_dump_json()
    with ThreadPoolExecutor(MANY + 1) as callers:
        try:
            figures = [callers.submit(client.get, f"/api/v1/figures/loss?runs={job.id}") for _ in range(MANY)]
            for _ in range(AT_A_TIME):
                assert slow.reading.acquire(timeout=AT_ONCE_SECONDS)
            for path, body in (
                (f"workers/{worker}/heartbeat", beat),
                (f"workers/{worker}/claim", {"content": "{}", "headers": JSON}),
                (f"runs/{job.id}/records", {"content": records, "headers": JSON}),
            ):
                answer = callers.submit(client.post, f"/api/v1/{path}", **body).result(AT_ONCE_SECONDS)
                assert answer.status_code == 200, (path, answer.text)
        finally:
            slow.let.set()
        assert {figure.result().status_code for figure in figures} == {200}
