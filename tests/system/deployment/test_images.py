"""The images' own commands in a clean folder: install, start as an unprivileged user, train a job, stop.

The server's environment is made from nothing. The worker's borrows the largest packages from the environment that runs
the tests, a gigabyte of them; everything else it installs itself.
"""

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import psutil
import pytest
from packaging.utils import canonicalize_name

from hessianfree_lab.client import Client
from system.deployment.dockerfile import Dockerfile
from system.deployment.image import Builder, Image
from system.launch import Launched, wait_until

ROOT = Path(__file__).parents[3]
BORROWED = ("torch", "torchvision", "scipy", "scikit-learn", "sympy")
SERVER_BYTES = 400_000_000
BASE_BYTES = 135_000_000  # of python:3.11-slim-bookworm, a little more than the engine says
NOBODY = 65534
JOB = {"problem": "quadratic", "optimizer": "hessianfree", "budget": {"steps": 3}}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that other users may enter; pytest's own are for one user alone."""
    with tempfile.TemporaryDirectory(prefix="hessianfree-images-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def builder(folder: Path) -> Builder:
    python = folder / "python"
    python.mkdir()
    # Scripts and not links: Python looks for its library beside the path by which it was called.
    for name, start in (("python", interpreter()), ("pip", f"{interpreter()} -m pip")):
        (python / name).write_text(f'#!/bin/sh\nexec {start} "$@"\n', encoding="utf-8")
        (python / name).chmod(0o755)
    return Builder(
        dockerfile=Dockerfile.read(ROOT / "Dockerfile"), context=ROOT, python=python, folder=folder
    )


@pytest.fixture(scope="module")
def wheel(builder: Builder) -> Image:
    return builder.build("wheel")


@pytest.fixture(scope="module")
def requirements(builder: Builder) -> Image:
    return builder.build("requirements")


@pytest.fixture(scope="module")
def server_image(builder: Builder, requirements: Image, wheel: Image) -> Image:
    return builder.build("server", parents=[requirements, wheel])


@pytest.fixture(scope="module")
def worker_image(builder: Builder, requirements: Image, wheel: Image) -> Image:
    return builder.build("worker", parents=[requirements, wheel], lent=BORROWED)


def interpreter() -> str:
    """A Python of this version that an unprivileged user can run; one below root's home cannot be."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [
        getattr(sys, "_base_executable", sys.executable),
        *(f"{place}/{name}" for place in ("/usr/local/bin", "/usr/bin")),
    ]
    for candidate in candidates:
        tried = subprocess.run(
            ["sh", "-c", f"{candidate} -c 'import pip, venv'"],
            **unprivileged(),
            cwd="/",
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            check=False,
        )
        if tried.returncode == 0:
            return candidate
    pytest.fail(
        f"No {name} with pip and venv that user {NOBODY} can run, of {candidates}: install one "
        "(Debian: python3-pip, python3-venv), or run the tests as a user."
    )


def unprivileged() -> dict[str, Any]:
    """How to start a process as nobody; as whoever runs the tests, when that is not root."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def volume(place: Path) -> None:
    """An empty volume: it belongs to the user, as the image's folder does that it is laid over."""
    place.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(place, NOBODY, NOBODY)


@contextmanager
def container(stage: str, image: Image, builder: Builder, **changes: str) -> Iterator[Launched]:
    """The stage's ENTRYPOINT and CMD with its ENV, as an unprivileged user."""
    for name in ("data", "access", "tmp"):
        volume(image.root / name)
    output = builder.folder / f"{stage}.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [image.here(word) for word in builder.dockerfile.command(stage)],
            **unprivileged(),
            env={**image.environment, "HOME": "/nonexistent", "OMP_NUM_THREADS": "1", **changes},
            cwd=image.root / "data",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Launched(process=process, output=output)
    finally:
        process.kill()
        process.wait()


def test_the_server_image_has_no_torch_and_the_worker_image_no_web_framework(
    server_image: Image, worker_image: Image
) -> None:
    assert not any(map(server_image.has, ("torch", "backpack", "sklearn", "hatchling", "pytest")))
    assert all(map(server_image.has, ("fastapi", "sqlalchemy", "hessianfree_lab", "hessianfree_web")))
    assert not any(
        map(worker_image.has, ("fastapi", "uvicorn", "sqlalchemy", "alembic", "hatchling", "pytest"))
    )
    assert all(map(worker_image.has, ("torch", "backpack", "sklearn", "hessianfree_lab", "hessianfree")))
    assert all(len(image.left_out) == 1 for image in (server_image, worker_image))


def test_every_package_of_an_image_has_the_version_of_the_constraints(
    server_image: Image, worker_image: Image
) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    pinned = {(canonicalize_name(name), version) for name, version in (line.split("==") for line in lines)}
    for image in (server_image, worker_image):
        found = {
            (canonicalize_name(each.name), each.version.partition("+")[0])  # "+cpu": one build of a version
            for each in distributions(path=[str(image.site_packages)])
        }
        assert {name for name, _ in found - pinned} == {"hessianfree-lab"}, found - pinned


def test_the_server_image_is_small(server_image: Image) -> None:
    files = (file.lstat().st_size for file in server_image.root.rglob("*") if file.is_file())
    assert BASE_BYTES + sum(files) < SERVER_BYTES


def test_a_job_goes_from_the_server_image_to_the_worker_image(
    server_image: Image, worker_image: Image, builder: Builder
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    token_file = server_image.root / "access/token"
    # On loopback: a test opens no port to the network. That a wider address needs the token is tested elsewhere.
    at = {"HESSIANFREE_HOST": "127.0.0.1", "HESSIANFREE_PORT": port}

    with container("server", server_image, builder, **at) as server:
        assert not is_healthy("worker", worker_image, builder)
        wait_until(
            lambda: is_healthy("server", server_image, builder, port=port),
            seconds=60,
            what="the server is healthy",
        )
        token = token_file.read_text(encoding="utf-8").strip()
        assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
        assert server.text().count(token) == 1

        to_server = {"HESSIANFREE_SERVER": url, "HESSIANFREE_TOKEN_FILE": str(token_file)}
        with container("worker", worker_image, builder, **to_server) as worker, Client(url, token) as client:
            wait_until(
                lambda: is_healthy("worker", worker_image, builder), seconds=90, what="the worker is healthy"
            )
            assert [known.state for known in client.workers()] == ["idle"]
            assert {psutil.Process(started.process.pid).uids().real for started in (server, worker)} != {0}
            run = client.submit(JOB)
            wait_until(
                lambda: client.run(run.id).state not in {"queued", "running"},
                seconds=120,
                what="the job ends",
            )
            finished = client.run(run.id)
            assert finished.state == "completed", finished.error
            assert finished.progress.step == 3
            assert client.request("GET", f"/runs/{run.id}/metrics.parquet").content[:4] == b"PAR1"
            assert worker.stop() == 0, worker.text()
        assert server.stop(seconds=10) == 0, server.text()

    with container("server", server_image, builder, **at) as server, Client(url, token) as client:
        wait_until(client.ready, seconds=60, what="the server is back")
        assert client.run(run.id).state == "completed"
        assert token not in server.text()


def is_healthy(stage: str, image: Image, builder: Builder, *, port: str = "8765") -> bool:
    """What HEALTHCHECK says."""
    checks = [step.text for step in builder.dockerfile.steps(stage) if step.keyword == "HEALTHCHECK"]
    command = json.loads(checks[-1][checks[-1].index("CMD") + len("CMD") :])
    asked = subprocess.run(
        [image.here(word).replace("8765", port) for word in command],
        env=image.environment,
        capture_output=True,
        check=False,
    )
    return asked.returncode == 0
