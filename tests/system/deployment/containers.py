"""Services of the Compose files without an engine: their commands, with their environment, on hosts of a network.

Volumes are folders, shared by whom the file says. Images are this process's environment.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from system.deployment.compose import Compose, filled_in
from system.deployment.dockerfile import Dockerfile
from system.deployment.networks import Host
from system.launch import HESSIANFREE, STOP_SECONDS, Launched, clean_environment

ONCE_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Containers:
    """`variables` are those of `.env`; `folder` holds the volumes, and what services print."""

    compose: Compose
    dockerfile: Dockerfile
    variables: Mapping[str, str]
    folder: Path

    def volume(self, name: str) -> Path:
        place = self.folder / "volumes" / name
        place.mkdir(parents=True, exist_ok=True, mode=0o711)
        return place

    def run(self, service: str, host: Host) -> None:
        """A service that ends by itself."""
        ran = subprocess.run(
            self._command(service, host),
            env=self._environment(service, host),
            capture_output=True,
            text=True,
            timeout=ONCE_SECONDS,
            check=False,
        )
        assert ran.returncode == 0, f"{service}: {ran.stdout}{ran.stderr}"

    @contextmanager
    def started(self, service: str, host: Host, **more: str) -> Iterator[Launched]:
        """A service while the context lasts, with these variables added to its environment."""
        output = self.folder / f"{host.name}.log"
        with output.open("wb") as file:
            process = subprocess.Popen(
                self._command(service, host),
                env={**self._environment(service, host), **more},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        running = Launched(process=process, output=output)
        try:
            yield running
        finally:
            try:
                running.stop(seconds=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _command(self, service: str, host: Host) -> list[str]:
        words = [
            self._here(filled_in(word, self.variables), service, host)
            for word in self.compose.command(service, self.dockerfile)
        ]
        return [*host.within, *(HESSIANFREE if words[0] == "hessianfree" else words[:1]), *words[1:]]

    def _environment(self, service: str, host: Host) -> dict[str, str]:
        image = self.dockerfile.environment(self.compose.target(service) or "")
        own = {name: value for name, value in image.items() if name.startswith("HESSIANFREE_")}
        told = own | self.compose.environment(service, self.variables)
        path = f"{Path(HESSIANFREE[0]).parent}{os.pathsep}{os.environ['PATH']}"
        here = {name: self._here(value, service, host) for name, value in told.items()}
        return clean_environment(PATH=path, **here)

    def _here(self, text: str, service: str, host: Host) -> str:
        """`text` with paths of the container as paths of this machine."""
        places = {
            target: self.volume(name) for each, name, target, _ in self.compose.mounts() if each == service
        }
        places["/tmp"] = self.volume(f"tmp-{host.name}")
        path = re.compile(rf"(?<![\w./])({'|'.join(map(re.escape, places))})\b")
        return path.sub(lambda match: str(places[match[1]]), text)
