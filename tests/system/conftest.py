"""A whole installation, started once for the tests that only use it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hessianfree_lab.client import Client
from system.launch import clean_environment, launched, wait_until

ANNOUNCE_SECONDS = 90.0
OWN = """
import subprocess
import torch
from torch import nn

from hessianfree_lab.training.problems import Parts, problem

print("lines are loaded")
subprocess.run(["echo", "and by another process"])


@problem(title="Lines")
def own_lines(generator: torch.Generator) -> Parts:
    x = torch.randn(20, 3, generator=generator)
    return Parts(model=nn.Linear(3, 1), loss_function=nn.MSELoss(), training=(x, x.sum(1, keepdim=True)))
"""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """`hessianfree up`, ready to take jobs."""

    url: str
    environment: dict[str, str]  # names the server to the command line
    data_dir: Path
    problems: Path  # a folder with one, own-lines, which prints when it is loaded

    def client(self) -> Client:
        return Client(self.url)


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Server and worker with two slots on a free port."""
    folder = tmp_path_factory.mktemp("machine")
    problems = folder / "problems"
    problems.mkdir()
    (problems / "own_lines.py").write_text(OWN, encoding="utf-8")
    options = ("--data-dir", folder / "data", "--slots", "2", "--problems", problems)
    with launched("up", "--port", "0", *options, output=folder / "up.log") as up:
        url = up.wait_for_url()
        with Client(url) as client:
            wait_until(lambda: bool(client.workers()), seconds=ANNOUNCE_SECONDS, what="a worker registers")
        yield Machine(
            url=url,
            environment=clean_environment(HESSIANFREE_SERVER=url),
            data_dir=folder / "data",
            problems=problems,
        )
