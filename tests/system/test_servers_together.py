"""Several servers behind one address: whole processes on one PostgreSQL, each of which does for any other."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from hessianfree_lab.client import Client
from hessianfree_lab.records import FinishRequest, Heartbeat, HeldRun
from hessianfree_lab.store.peers import ON_DUTY
from server.makers import announcement
from server.postgres import Postgres
from server.worker.network import network
from server.worker.workers import wait_for_step
from system.launch import START_SECONDS, Launched, clean_environment, launched, wait_until

SECRET = "the token of the settings"
SERVERS = 4
WORKERS = 8
JOBS = 64
FAST = {  # a few hundred steps a second
    "problem": "quadratic",
    "problem_params": {"dimension": 300, "condition_number": 1e6},
    "optimizer_params": {"cg_max_iter": 20},
}
WAIT_SECONDS = 25.0  # less than a heartbeat's: who is not woken until then is not woken


@dataclass(frozen=True, kw_only=True)
class Servers:
    processes: list[Launched]
    urls: list[str]
    database: str

    def client(self, number: int) -> Client:
        return Client(self.urls[number], SECRET)


@pytest.fixture(scope="module")
def servers(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Started at once on a database without tables."""
    folder = tmp_path_factory.mktemp("servers")
    database = postgres.new_database()
    environment = clean_environment(
        HESSIANFREE_TOKEN=SECRET, HESSIANFREE_HEARTBEAT_SECONDS="60", HESSIANFREE_LEASE_SECONDS="240"
    )
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                launched(
                    *("serve", "--port", "0", "--database-url", database, "--data-dir", folder / str(number)),
                    output=folder / f"{number}.log",
                    environment=environment,
                )
            )
            for number in range(SERVERS)
        ]
        urls = [process.wait_for_url() for process in processes]
        yield Servers(processes=processes, urls=urls, database=database)


def test_no_job_is_claimed_twice_and_none_is_left(servers: Servers) -> None:
    claimed: Counter[str] = Counter()

    def work(number: int) -> None:
        with servers.client(number) as client:
            worker = client.register(announcement()).id
            begin.wait(60)
            while assignment := client.claim(worker, wait_seconds=0):
                claimed[assignment.run] += assignment.attempt
                client.finish(assignment.run, FinishRequest(state="completed", attempt=assignment.attempt))

    with servers.client(0) as client:
        client.register(announcement())
        queued = {client.submit({"problem": "bowl"}).id for _ in range(JOBS)}
        begin = threading.Barrier(SERVERS * WORKERS)
        threads = [
            threading.Thread(target=work, args=[number % SERVERS]) for number in range(SERVERS * WORKERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert claimed == dict.fromkeys(queued, 1)
        assert {found.state for found in client.runs() if found.id in queued} == {"completed"}


def test_who_waits_at_one_is_woken_by_what_is_done_at_another(servers: Servers) -> None:
    with servers.client(0) as here, servers.client(1) as there:
        worker = here.register(announcement()).id
        answers: list[object] = []

        def wait_for_job() -> None:
            answers.append(here.claim(worker, WAIT_SECONDS))

        def wait_for_command() -> None:
            held = Heartbeat(runs=[HeldRun(run=job, attempt=1)], wait_seconds=WAIT_SECONDS)
            answers.append(here.heartbeat(worker, held).commands[0].kind)

        def meanwhile(waiting: threading.Thread) -> None:
            waiting.start()
            time.sleep(0.5)  # it should have begun to wait; where it has not it is told at once

        waiting = threading.Thread(target=wait_for_job)
        meanwhile(waiting)
        job = there.submit({"problem": "bowl"}).id
        waiting.join(60)
        assert [getattr(answer, "run", None) for answer in answers] == [job]
        waiting = threading.Thread(target=wait_for_command)
        meanwhile(waiting)
        there.cancel(job)
        waiting.join(60)
        assert answers[1:] == ["cancel"]
        there.finish(job, FinishRequest(state="cancelled", attempt=1))


def test_a_token_that_is_revoked_at_one_ends_what_it_has_open_at_another(servers: Servers) -> None:
    here, there = servers.client(0), servers.client(1)
    with here, there:
        token = here.post("/tokens", {"name": "mine", "role": "read"})
        request = {"headers": {"Authorization": f"Bearer {token['secret']}"}, "timeout": WAIT_SECONDS}
        with httpx.stream("GET", f"{servers.urls[1]}/api/v1/events", **request) as stream:
            assert stream.status_code == 200
            here.request("DELETE", f"/tokens/{token['id']}")
            assert b"retry" in b"".join(stream.iter_raw())  # to its end
        assert httpx.get(f"{servers.urls[1]}/api/v1/runs", **request).status_code == 401


def test_a_server_that_is_killed_takes_nothing_with_it(servers: Servers, tmp_path: Path) -> None:
    """Its worker goes on through another, behind the same address; who watches there misses nothing."""
    stays, goes = servers.urls[0], servers.urls[-1]
    seen: list[int] = []
    ended = threading.Event()

    def watch(run_id: str) -> None:
        with servers.client(0) as client:
            for event in client.events(runs=[run_id], after=0):
                if event.kind == "steps":
                    seen.extend(record["step"] for record in event.data["steps"])
                if event.kind == "run" and event.data["state"] == "completed":
                    ended.set()
                    return

    with network(goes) as address, servers.client(0) as client:
        options = ("--server", address.url, "--data-dir", tmp_path / "worker")
        environment = clean_environment(HESSIANFREE_TOKEN=SECRET)
        with launched("work", *options, output=tmp_path / "worker.log", environment=environment) as worker:
            worker.wait_for("is registered", seconds=START_SECONDS)
            job = client.submit(FAST | {"budget": {"steps": 600}})
            threading.Thread(target=watch, args=[job.id], daemon=True).start()
            wait_for_step(client, job.id, 20)
            address.lead_to(stays)
            servers.processes[-1].stop(signal.SIGKILL)
            assert ended.wait(120), worker.text()
        assert seen == list(range(1, 601))
        found = client.run(job.id)
        assert (found.state, found.attempt, found.progress.step) == ("completed", 1, 600)


def test_the_next_is_on_duty_when_one_is_killed(servers: Servers, postgres: Postgres) -> None:
    """And goes on with what the first has begun: nobody else gives a sweep its trials."""
    name = str(make_url(servers.database).database)
    query = (
        "SELECT substring(application_name FROM 'process (\\d+)')::int FROM pg_locks JOIN pg_stat_activity USING (pid) "
        "WHERE locktype = 'advisory' AND objid = %s AND granted"
    )

    def on_duty() -> list[int]:
        with psycopg.connect(postgres.conninfo(name)) as line:
            return [pid for (pid,) in line.execute(query, [ON_DUTY])]

    wait_until(lambda: len(on_duty()) == 1, seconds=30, what="one on duty")
    (first,) = on_duty()
    os.kill(first, signal.SIGKILL)
    left = [
        number
        for number, server in enumerate(servers.processes)
        if server.process.poll() is None and server.process.pid != first
    ]
    sweep = {
        "base": {"problem": "bowl"},
        "search": {"method": "grid", "space": {"optimizer_params.damping": [1.0, 2.0, 3.0]}},
    }
    with servers.client(left[0]) as client:
        client.register(announcement())
        made = client.sweeps.submit(sweep)
        wait_until(lambda: client.sweeps.get(made.id).trials["queued"] == 3, seconds=30, what="its trials")
    assert len(on_duty()) == 1
    assert on_duty() != [first]
