"""What pyproject.toml, constraints.txt and the images' helper say must be one story."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return parsed


@pytest.fixture(scope="module")
def pins(root: Path) -> dict[str, str]:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").split()
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def test_the_bare_name_is_server_and_worker_together(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    assert sorted(project["dependencies"]) == sorted({*extras["server"], *extras["worker"]})


def test_the_server_asks_for_no_torch_and_the_worker_for_no_web_framework(project: dict[str, Any]) -> None:
    def names(extra: str) -> set[str]:
        return {Requirement(line).name for line in project["optional-dependencies"][extra]}

    assert not names("server") & {"torch", "torchvision", "backpack-for-pytorch", "scikit-learn"}
    assert not names("worker") & {"fastapi", "uvicorn", "sqlalchemy", "alembic", "jinja2", "plotly"}


def test_every_requirement_is_pinned_to_a_version_it_allows(
    project: dict[str, Any], pins: dict[str, str]
) -> None:
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{name} is not in constraints.txt"
        assert requirement.specifier.contains(pins[name]), f"{requirement} does not allow {pins[name]}"


def test_constraints_are_exact(root: Path) -> None:
    for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"[\w.-]+==[\w.]+", line), line


@pytest.mark.parametrize("extras", [("server", "postgres"), ("worker",)])
def test_the_images_helper_prints_extras(
    extras: tuple[str, ...], root: Path, project: dict[str, Any]
) -> None:
    printed = subprocess.run(
        [sys.executable, "docker/requirements.py", *extras],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert printed.splitlines() == [
        line for extra in extras for line in project["optional-dependencies"][extra]
    ]


def test_the_images_helper_names_the_extras_there_are(root: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "docker/requirements.py", "sever"],
        cwd=root,
        check=False,
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 1
    assert "no extra 'sever'" in refused.stderr
    assert "server" in refused.stderr


def test_one_command_is_installed(project: dict[str, Any]) -> None:
    assert project["scripts"] == {"hessianfree": "hessianfree_lab.cli:main"}
