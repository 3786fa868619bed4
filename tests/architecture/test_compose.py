"""The Compose files against their specification's schema, and against the promises that they make beyond it.

No Docker engine is asked: that the images' commands work, and that services find each other, is for
tests/system/deployment.
"""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from system.deployment.compose import VARIABLE, Compose
from system.deployment.dockerfile import Dockerfile, Stage

PROFILES = ("postgres", "ray", "monitoring")
NAMES_A_SECRET = re.compile(r"(?i)(?:password|secret|token|credentials?)(?:_file)?$")
SHOWS_A_SECRET = re.compile(r"://[^/\s:]+:[^/\s]+@")
FOREIGN_USERS = {"prom/prometheus": "nobody", "grafana/grafana": "472"}
"""The users of images that are not ours, as those images set them; every other service says its own."""


@pytest.fixture(scope="module")
def compose(root: Path) -> Compose:
    return Compose.read(root / "docker-compose.yml", root / "docker-compose.gpu.yml")


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> Dockerfile:
    return Dockerfile.read(root / "Dockerfile")


@pytest.fixture(scope="module")
def schema() -> Any:
    """Of the Compose specification, as check-jsonschema carries it. A key that it does not know is an error."""
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    return json.loads(vendored.read_text(encoding="utf-8"))


def test_the_files_follow_the_specification_alone_and_together(compose: Compose, schema: Any) -> None:
    for file in (*compose.files.values(), compose.merged):
        jsonschema.validate(file, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"services": {"server": {"imagine": "x"}}}, schema)


def test_what_up_starts(compose: Compose) -> None:
    base = Compose(files={}, merged=compose.files["docker-compose.yml"])
    assert base.started() == {"server", "worker"}
    assert base.started("postgres") - base.started() == {"database-password", "postgres"}
    assert base.started("ray") - base.started() == {"ray-head", "ray-node"}
    assert base.started("monitoring") - base.started() == {"metrics-token", "prometheus", "grafana"}
    assert compose.started() - base.started() == {"worker-gpu"}
    assert {profile for each in compose.services.values() for profile in each.get("profiles", [])} == set(
        PROFILES
    )


@pytest.mark.parametrize("profiles", [(), *((profile,) for profile in PROFILES)])
def test_every_dependency_is_started_too_and_can_be_waited_for(
    profiles: tuple[str, ...], compose: Compose, dockerfile: Dockerfile
) -> None:
    started = compose.started(*profiles)
    for name in started:
        for on, rule in compose.services[name].get("depends_on", {}).items():
            assert on in started or rule.get("required") is False, f"{name} waits for {on}"
            awaited = compose.services[on]
            match rule["condition"]:
                case "service_healthy":
                    stage = compose.target(on)
                    assert "healthcheck" in awaited or _has_health_check(stage, dockerfile), on
                case "service_completed_successfully":
                    assert awaited["restart"] == "no", f"{on} would be started again and again"


def _has_health_check(stage: str | None, dockerfile: Dockerfile) -> bool:
    return stage is not None and any(step.keyword == "HEALTHCHECK" for step in dockerfile.steps(stage))


def test_an_image_is_built_once_and_asked_of_nobody(compose: Compose) -> None:
    """Two services that build one image at the same time are in each other's way."""
    built = [service["image"] for service in compose.services.values() if "build" in service]
    assert sorted(set(built)) == sorted(built)
    for name, service in compose.services.items():
        is_ours = service["image"] in built
        assert is_ours == service["image"].startswith("hessianfree-lab-"), name
        assert ("build" in service or service.get("pull_policy") == "never") == is_ours, name


def test_a_gpu_worker_that_the_engine_refuses_keeps_nothing_from_starting(compose: Compose) -> None:
    refused = compose.services["worker-gpu"]
    assert refused["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
    # It comes last, and nobody waits for it.
    assert refused["depends_on"].keys() == {"server", "worker"}
    assert not any("worker-gpu" in service.get("depends_on", {}) for service in compose.services.values())
    others = [service for name, service in compose.services.items() if name != "worker-gpu"]
    assert not any("deploy" in service for service in others)


def test_every_volume_is_declared_and_used_and_every_folder_is_there(compose: Compose, root: Path) -> None:
    sources = {source for _, source, _, _ in compose.mounts()}
    folders = {source for source in sources if source.startswith(".")}
    assert sources - folders == set(compose.merged["volumes"])
    assert all((root / folder).is_dir() for folder in folders)
    assert all(mode == "ro" for _, source, _, mode in compose.mounts() if source in folders)


def test_every_volume_of_an_own_image_lies_on_a_folder_that_belongs_to_its_user(
    compose: Compose, dockerfile: Dockerfile
) -> None:
    prepared = " ".join(step.text for step in dockerfile.steps("base") if step.keyword == "RUN")
    for name, _, target, _ in compose.mounts():
        if compose.target(name):
            assert re.search(rf"--owner=hessianfree [^&]*{target}\b", prepared), target


def test_a_secret_is_written_by_one_service_and_only_read_by_those_that_need_it(compose: Compose) -> None:
    def modes(volume: str) -> dict[str, str]:
        return {name: mode for name, source, _, mode in compose.mounts() if source == volume}

    # Of a Ray cluster the head alone, on which no job runs.
    readers = ("worker", "worker-gpu", "ray-head", "metrics-token")
    assert modes("access") == {"server": "rw", **dict.fromkeys(readers, "ro")}
    assert modes("database") == {"database-password": "rw", "postgres": "ro", "server": "ro"}
    assert modes("metrics") == {"metrics-token": "rw", "prometheus": "ro"}


def secrets_in(value: Any, name: str = "") -> Iterator[str]:
    """Every scalar that is a secret by its name, and every address with a password in it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from secrets_in(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from secrets_in(inner, name)
    elif NAMES_A_SECRET.search(name) and value and not str(value).startswith("/"):
        yield f"{name}: {value}"
    elif SHOWS_A_SECRET.search(str(value)):
        yield str(value)


def test_no_secret_stands_in_a_file(root: Path, compose: Compose) -> None:
    planted = {"POSTGRES_PASSWORD": "x", "URL": ["http://lab:x@lab"], "TOKEN_FILE": "/access/token"}
    assert list(secrets_in(planted)) == ["POSTGRES_PASSWORD: x", "http://lab:x@lab"]
    configured = [path for path in (root / "docker").rglob("*") if path.suffix in {".yml", ".json"}]
    for path in [*(root / name for name in compose.files), *configured]:
        assert not list(secrets_in(yaml.safe_load(path.read_text(encoding="utf-8")))), path


def test_ports_are_published_on_loopback_alone(compose: Compose) -> None:
    published = {name: service["ports"] for name, service in compose.services.items() if "ports" in service}
    assert published.keys() == {"server", "prometheus", "grafana"}
    for (port,) in published.values():
        assert re.fullmatch(r"127\.0\.0\.1:\$\{\w+:-(\d+)\}:\1", port), port


def test_services_have_no_privileges(compose: Compose, dockerfile: Dockerfile) -> None:
    for name, service in compose.services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert service["init"] is True, name
        if stage := compose.target(name):
            user = [step.text for step in dockerfile.steps(stage) if step.keyword == "USER"][-1]
        else:
            user = service.get("user") or FOREIGN_USERS[service["image"].partition(":")[0]]
        assert user not in {"root", "0"}, name


def test_images_that_are_not_built_here_are_of_one_version(compose: Compose, dockerfile: Dockerfile) -> None:
    for name, service in compose.services.items():
        if compose.target(name) is None:
            assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+(\.\d+)?(-\w+)?", service["image"]), service["image"]
    assert dockerfile.stages["base"].parent == "python:${PYTHON}-slim-bookworm"
    assert re.fullmatch(r"\d+\.\d+\.\d+", dockerfile.arguments["PYTHON"])


def test_every_variable_has_a_default_and_is_documented(root: Path, compose: Compose) -> None:
    texts = [(root / name).read_text(encoding="utf-8") for name in compose.files]
    used = {match[1] for text in texts for match in VARIABLE.finditer(text)}
    assert not re.search(r"(?<!\$)\$(?!\$|\{\w+:-)", re.sub(r"#.*", "", "\n".join(texts)))
    manual = (root / "docs" / "deployment.md").read_text(encoding="utf-8")
    assert used == set(re.findall(r"^\| `([A-Z_]+)` \|", manual, re.MULTILINE))


def test_signals_reach_the_program(compose: Compose, dockerfile: Dockerfile) -> None:
    """Without the exec form, or `exec`, a shell is process 1, and SIGTERM ends there."""
    for name, service in compose.services.items():
        if compose.target(name) is None or service["restart"] == "no":
            continue
        words = compose.command(name, dockerfile)
        if words[0] == "sh":
            words = words[-1].strip().splitlines()[-1].removeprefix("exec ").split()
            assert f"exec {words[0]}" in service["command"][-1], name
        assert words[0] in {"hessianfree", "ray"}, name


def test_only_the_server_image_is_without_torch(dockerfile: Dockerfile) -> None:
    installs = {
        stage: " ".join(step.text for step in dockerfile.steps(stage) if step.keyword == "RUN")
        for stage in ("server", "worker", "worker-gpu")
    }
    assert "torch" not in installs.pop("server")
    assert all("torch" in commands for commands in installs.values())


def test_the_gpu_worker_differs_by_where_torch_comes_from_alone(dockerfile: Dockerfile) -> None:
    def but_torch(stage: Stage) -> list[tuple[str, str]]:
        return [
            (step.keyword, step.text)
            for step in stage.own_steps
            if step.keyword != "ARG" and "torch" not in step.text
        ]

    cpu, gpu = dockerfile.stages["worker"], dockerfile.stages["worker-gpu"]
    assert cpu.parent == gpu.parent
    assert but_torch(cpu) == but_torch(gpu)


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


def test_the_board_and_the_data_source_find_each_other(root: Path) -> None:
    grafana = root / "docker" / "grafana"
    (source,) = yaml.safe_load((grafana / "datasources" / "prometheus.yml").read_text("utf-8"))["datasources"]
    (board,) = (json.loads(path.read_text("utf-8")) for path in (grafana / "boards").iterdir())
    for panel in board["panels"]:
        assert {panel["datasource"]["uid"], *(each["datasource"]["uid"] for each in panel["targets"])} == {
            source["uid"]
        }, panel["title"]
