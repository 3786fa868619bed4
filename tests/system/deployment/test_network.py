"""What the Compose files start, on hosts of one network: a server, PostgreSQL, two workers; and cables that are cut.

The PostgreSQL is Debian's; its role and its password are those of its service.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from hessianfree_lab.client import Client
from hessianfree_lab.client.spool import RECORDS
from hessianfree_lab.client.tokens import RemoteTokens
from server.postgres import running_postgres
from system.deployment.compose import Compose
from system.deployment.containers import Containers
from system.deployment.dockerfile import Dockerfile
from system.deployment.networks import Host, network
from system.launch import Launched, wait_until

ROOT = Path(__file__).parents[3]
PORT = 8765
LONG = 120.0
SLOW = """
import time

import torch
from torch import nn

from hessianfree_lab.training.problems import Parts, problem


class Patient(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        time.sleep(0.05)
        return super().forward(x)


@problem(title="Slow lines")
def slow_lines(generator: torch.Generator) -> Parts:
    x = torch.randn(20, 3, generator=generator)
    return Parts(model=Patient(3, 1), loss_function=nn.MSELoss(), training=(x, x.sum(1, keepdim=True)))
"""

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(600)]


@dataclass(frozen=True, kw_only=True)
class Lab:
    containers: Containers
    hosts: dict[str, Host]
    client: Client
    workers: dict[str, Launched]  # by the name of their host

    def host_of(self, run: str) -> Host:
        """Of the worker that trains the run."""
        names = {worker.id: worker.name for worker in self.client.workers()}
        name = names[self.client.run(run).worker or ""]
        return next(
            self.hosts[host]
            for host, worker in self.workers.items()
            if name.endswith(f"-{worker.process.pid}")
        )

    def recorded(self, run: str) -> int:
        """Steps that the first attempt at the run has kept on the workers' volume."""
        spool = self.containers.volume("scratch") / "attempts" / f"{run}-1" / RECORDS
        return spool.read_bytes().count(b'{"step":{')


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    dockerfile = Dockerfile.read(ROOT / "Dockerfile")
    compose = Compose.read(ROOT / "docker-compose.yml")
    manual = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    address = re.findall(r"^(HESSIANFREE_DATABASE_URL)=(\S+)$", manual, re.MULTILINE)
    with ExitStack() as stack:
        # A folder that PostgreSQL's user may enter; pytest's own are for one user alone.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hessianfree-network-")))
        folder.chmod(0o711)
        problems = folder / "problems"
        problems.mkdir()
        (problems / "slow.py").write_text(SLOW, encoding="utf-8")
        hosts = stack.enter_context(network("server", "postgres", "one", "two"))
        containers = Containers(
            compose=compose, dockerfile=dockerfile, variables=dict(address), folder=folder
        )
        containers.run("database-password", hosts["server"])
        password = containers.volume("database") / "password"
        told = compose.environment("postgres", {})
        assert told["POSTGRES_PASSWORD_FILE"] == "/database/password"
        cluster = stack.enter_context(
            running_postgres(within=hosts["postgres"].within, role=told["POSTGRES_USER"], password=password)
        )
        cluster.make_database(told["POSTGRES_DB"])
        server = stack.enter_context(containers.started("server", hosts["server"]))
        server.wait_for("serves at")
        token = (containers.volume("access") / "token").read_text(encoding="utf-8").strip()
        client = stack.enter_context(Client(f"http://{hosts['server'].address}:{PORT}", token))
        workers = {
            name: stack.enter_context(
                containers.started("worker", hosts[name], HESSIANFREE_PROBLEMS=str(problems))
            )
            for name in ("one", "two")
        }
        wait_until(lambda: len(client.workers()) == 2, seconds=LONG, what="two workers register")
        yield Lab(containers=containers, hosts=hosts, client=client, workers=workers)


def steps(client: Client, run: str) -> list[int]:
    lines = client.request("GET", f"/runs/{run}/metrics.csv").text.splitlines()[1:]
    return [int(line.partition(",")[0]) for line in lines]


def test_a_cut_cable_costs_no_row(lab: Lab) -> None:
    client = lab.client

    def submit(count: int) -> str:
        job = {"problem": "slow-lines", "optimizer": "sgd", "budget": {"steps": count}, "checkpoint_every": 5}
        run = client.submit(job).id
        wait_until(lambda: client.run(run).progress.step > 0, seconds=LONG, what="the job trains")
        return run

    long, short = submit(500), submit(200)
    away, back_soon = lab.host_of(long), lab.host_of(short)
    assert away != back_soon

    away.cut()
    back_soon.cut()
    wait_until(
        lambda: lab.recorded(short) >= client.run(short).progress.step + 40,
        seconds=LONG,
        what="it trains on, and the server hears nothing of it",
    )
    back_soon.mend()
    wait_until(lambda: client.run(short).state == "completed", seconds=LONG, what="the one goes on")
    assert client.run(short).attempt == 1

    wait_until(lambda: client.run(long).attempt == 2, seconds=LONG, what="the other is given to who is there")
    away.mend()
    wait_until(lambda: client.run(long).state == "completed", seconds=LONG, what="it is trained to its end")
    assert client.run(long).attempt == 2
    assert [steps(client, run) for run in (long, short)] == [list(range(1, 501)), list(range(1, 201))]
    wait_until(
        lambda: [worker.state for worker in client.workers()] == ["idle"] * 2,
        seconds=LONG,
        what="both are here again",
    )


def test_prometheus_may_look_and_nothing_else(lab: Lab) -> None:
    kept = lab.containers.volume("metrics") / "token"

    def made() -> str:
        lab.containers.run("metrics-token", lab.hosts["server"])
        return kept.read_text(encoding="utf-8").strip()

    token = made()
    with httpx.Client(base_url=lab.client.url, trust_env=False) as prometheus:
        assert prometheus.get("/metrics").status_code == 401
        prometheus.headers["Authorization"] = f"Bearer {token}"
        assert 'hessianfree_runs{state="running"}' in prometheus.get("/metrics").text
        assert prometheus.post("/api/v1/jobs", json={}).status_code == 403
    assert made() == token
    tokens = RemoteTokens(lab.client)
    tokens.revoke(next(each.id for each in tokens.tokens() if each.role == "read"))
    assert made() != token
