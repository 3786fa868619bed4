"""Compose files as data: what stands in several of them as one, as the engine's `compose -f A -f B` has it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from system.deployment.dockerfile import Dockerfile

VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@dataclass(frozen=True, kw_only=True)
class Compose:
    """The files in order, and what they say together."""

    files: dict[str, dict[str, Any]]
    merged: dict[str, Any]

    @classmethod
    def read(cls, *paths: Path) -> Self:
        files = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths}
        merged: dict[str, Any] = {}
        for file in files.values():
            services = {name: _extended(service, files) for name, service in file["services"].items()}
            merged = _with(merged, {**file, "services": services})
        return cls(files=files, merged=merged)

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.merged["services"]
        return found

    def started(self, *profiles: str) -> set[str]:
        """The services that `up` starts with these profiles."""
        return {
            name
            for name, service in self.services.items()
            if not service.get("profiles") or set(service["profiles"]) & set(profiles)
        }

    def target(self, service: str) -> str | None:
        """The stage of its image, which it or another one builds; None: the image is not ours."""
        image = self.services[service]["image"]
        builds = [
            each["build"]["target"]
            for each in self.services.values()
            if each["image"] == image and "build" in each
        ]
        return builds[0] if builds else None

    def command(self, service: str, dockerfile: Dockerfile) -> list[str]:
        """What a container of one of our images starts."""
        told = self.services[service]
        if "entrypoint" in told:
            return [*told["entrypoint"], *told["command"]]
        return dockerfile.command(self.target(service) or "")

    def mounts(self) -> Iterator[tuple[str, str, str, str]]:
        """(service, volume or folder, target, mode) of every mount."""
        for name, service in self.services.items():
            for mount in service.get("volumes", []):
                source, target, *mode = mount.split(":")
                yield name, source, target, mode[0] if mode else "rw"

    def environment(self, service: str, variables: Mapping[str, str]) -> dict[str, str]:
        """What the service's processes find beside their image's ENV."""
        return {
            name: filled_in(str(value), variables)
            for name, value in self.services[service].get("environment", {}).items()
        }


def filled_in(text: str, variables: Mapping[str, str]) -> str:
    """`text` with variables and their defaults in place of `${NAME:-default}`, and `$$` as `$`."""
    filled = VARIABLE.sub(lambda match: variables.get(match[1]) or match[2] or "", text)
    return filled.replace("$$", "$")


def _extended(service: dict[str, Any], files: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    own = {key: value for key, value in service.items() if key != "extends"}
    if "extends" not in service:
        return own
    parent = files[service["extends"]["file"]]["services"][service["extends"]["service"]]
    return _with(_extended(parent, files), own)


def _with(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Mappings are merged, lists put together, anything else replaced."""
    merged = dict(base)
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _with(merged[key], value)
        elif isinstance(value, list) and isinstance(merged.get(key), list):
            merged[key] = [*merged[key], *(each for each in value if each not in merged[key])]
        else:
            merged[key] = value
    return merged
