"""docker-compose.yml and Dockerfile against the rules of the Compose specification that they rely on.

No Docker engine is asked: that the commands in them work is for tests/system/test_images.py.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from system.dockerfile import Dockerfile

# The part of the Compose specification that the file uses. `additionalProperties` makes a misspelt key an error.
STRINGS = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
SERVICE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["build", "image", "restart"],
    "properties": {
        "build": {
            "type": "object",
            "additionalProperties": False,
            "required": ["context"],
            "properties": {
                "context": {"type": "string"},
                "target": {"type": "string"},
                "args": {"type": "object"},
            },
        },
        "image": {"type": "string", "pattern": "^[a-z0-9][a-z0-9._/-]*(:[A-Za-z0-9._-]+)?$"},
        "environment": {
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        },
        "ports": STRINGS,
        "volumes": STRINGS,
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["condition"],
                "properties": {
                    "condition": {
                        "enum": ["service_started", "service_healthy", "service_completed_successfully"]
                    },
                    "restart": {"type": "boolean"},
                    "required": {"type": "boolean"},
                },
            },
        },
        "init": {"type": "boolean"},
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "stop_grace_period": {"type": "string", "pattern": r"^(\d+(us|ms|s|m|h))+$"},
        "read_only": {"type": "boolean"},
        "tmpfs": STRINGS,
        "cap_drop": STRINGS,
        "security_opt": STRINGS,
    },
}
COMPOSE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["services"],
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "services": {
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {"^[a-zA-Z0-9._-]+$": SERVICE},
        },
        "volumes": {
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {"^[a-zA-Z0-9._-]+$": {"type": ["object", "null"]}},
        },
    },
}


@pytest.fixture(scope="module")
def compose(root: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((root / "docker-compose.yml").read_text(encoding="utf-8"))
    return parsed


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> Dockerfile:
    return Dockerfile.read(root / "Dockerfile")


def mounts(compose: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """(service, volume, target, mode) of every mount."""
    for name, service in compose["services"].items():
        for mount in service.get("volumes", []):
            source, target, *mode = mount.split(":")
            yield name, source, target, mode[0] if mode else "rw"


def test_the_file_follows_the_specification(compose: dict[str, Any]) -> None:
    jsonschema.validate(compose, COMPOSE)


def test_every_volume_is_declared_and_used(compose: dict[str, Any]) -> None:
    assert {volume for _, volume, _, _ in mounts(compose)} == set(compose["volumes"])


def test_every_mount_lies_on_a_folder_that_the_image_gives_to_its_user(
    compose: dict[str, Any], dockerfile: Dockerfile
) -> None:
    prepared = " ".join(step.text for step in dockerfile.steps("base") if step.keyword == "RUN")
    for _, _, target, _ in mounts(compose):
        assert re.search(rf"--owner=hessianfree .*{target}\b", prepared), target


def test_every_dependency_is_a_service_with_a_health_check(
    compose: dict[str, Any], dockerfile: Dockerfile
) -> None:
    waits = [
        (name, on, rule["condition"])
        for name, service in compose["services"].items()
        for on, rule in service.get("depends_on", {}).items()
    ]
    assert waits == [("worker", "server", "service_healthy")]
    assert any(
        step.keyword == "HEALTHCHECK"
        for step in dockerfile.steps(compose["services"]["server"]["build"]["target"])
    )


def test_the_token_is_written_by_the_server_and_only_read_by_the_worker(compose: dict[str, Any]) -> None:
    modes = {name: mode for name, volume, _, mode in mounts(compose) if volume == "access"}
    assert modes == {"server": "rw", "worker": "ro"}


def test_ports_are_published_on_loopback_alone(compose: dict[str, Any]) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_services_have_no_privileges(compose: dict[str, Any], dockerfile: Dockerfile) -> None:
    for service in compose["services"].values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is True
        users = [step.text for step in dockerfile.steps(service["build"]["target"]) if step.keyword == "USER"]
        assert users[-1] not in {"root", "0"}


def test_targets_are_stages_whose_commands_get_signals(
    compose: dict[str, Any], dockerfile: Dockerfile
) -> None:
    for service in compose["services"].values():
        # The exec form: without it a shell is process 1, and SIGTERM ends there.
        assert dockerfile.command(service["build"]["target"])[0] == "hessianfree"


def test_only_the_server_image_is_without_torch(dockerfile: Dockerfile) -> None:
    installs = {
        stage: " ".join(step.text for step in dockerfile.steps(stage) if step.keyword == "RUN")
        for stage in ("server", "worker")
    }
    assert "torch" not in installs["server"]
    assert "torch" in installs["worker"]


def test_the_build_context_has_all_that_is_copied(root: Path, dockerfile: Dockerfile) -> None:
    let_in = {
        line.removeprefix("!")
        for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    copied = {
        source
        for stage in dockerfile.stages.values()
        for step in stage.own_steps
        if step.keyword == "COPY" and not step.text.startswith("--from=")
        for source in step.text.split()[:-1]
    }
    assert copied == let_in
    assert all((root / source).exists() for source in copied)
