"""Images without an engine: the steps of a Dockerfile's stage, run in a folder that stands for the container's root.

What differs from a real build: the folder's path is put before the image's own, the base image's Python is one of
this machine, and the step that makes the image's user is left out, since it would make one here.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import files
from pathlib import Path

from system.deployment.dockerfile import Dockerfile, Step

OWN_PATHS = re.compile(
    r"(?<![\w./])/(?=(?:opt/hessianfree|src|dist|data|storage|access|database|metrics|tmp)\b)"
)
BUILD_SECONDS = 600.0


@dataclass(kw_only=True)
class Image:
    """A stage under construction, and then built."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)  # ENV of the stage
    workdir: Path
    left_out: list[str] = field(default_factory=list)

    def here(self, text: str) -> str:
        """`text` with the image's paths as paths of this machine."""
        return OWN_PATHS.sub(f"{self.root}/", text)

    @property
    def site_packages(self) -> Path:
        return next((self.root / "opt/hessianfree/lib").glob("python3*")) / "site-packages"

    def has(self, package: str) -> bool:
        """Whether the package can be imported in the image."""
        return (self.site_packages / package).is_dir()


@dataclass(frozen=True, kw_only=True)
class Builder:
    """Builds stages of one Dockerfile. `python` is the folder with the base image's `python` and `pip`."""

    dockerfile: Dockerfile
    context: Path
    python: Path
    folder: Path

    def build(
        self,
        stage: str,
        *,
        arguments: Mapping[str, str] | None = None,
        parents: Sequence[Image] = (),
        lent: Sequence[str] = (),
    ) -> Image:
        """Run the steps of `stage`. `parents` are images it copies from, by the name of their folder.

        The distributions `lent` are linked from this process's environment as soon as there is one to hold them: pip
        finds them installed.
        """
        root = self.folder / stage
        root.mkdir()
        image = Image(root=root, workdir=root, environment={"PATH": f"{self.python}:{os.environ['PATH']}"})
        given = dict(arguments or {})
        sources = {parent.root.name: parent for parent in parents}
        for step in self.dockerfile.steps(stage):
            match step.keyword:
                case "ENV":
                    self._set(image, step)
                case "ARG":
                    name, _, default = step.text.partition("=")
                    given.setdefault(name, default)
                case "WORKDIR":
                    image.workdir = Path(image.here(step.text))
                    image.workdir.mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(image, step, sources)
                case "RUN" if "useradd" in step.text:
                    image.left_out.append(step.text)
                case "RUN":
                    self._run(image, step, given)
                    if "-m venv" in step.text:
                        for distribution in lent:
                            _lend(distribution, image.site_packages)
        return image

    def _set(self, image: Image, step: Step) -> None:
        for name, value in (pair.split("=", 1) for pair in step.text.split()):
            image.environment[name] = image.here(value).replace("$PATH", image.environment["PATH"])

    def _copy(self, image: Image, step: Step, sources: Mapping[str, Image]) -> None:
        *options, target = step.text.split()
        origin = self.context
        if options[0].startswith("--from="):
            origin = sources[options.pop(0).removeprefix("--from=")].root
        for name in options:
            source = origin / name.lstrip("/")
            place = Path(image.here(target)) if target.startswith("/") else image.workdir / target
            if source.is_dir():
                shutil.copytree(
                    source, place, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
                )
            else:
                shutil.copy(source, place)

    def _run(self, image: Image, step: Step, arguments: Mapping[str, str]) -> None:
        ran = subprocess.run(
            ["sh", "-c", image.here(step.text)],
            cwd=image.workdir,
            env={**os.environ, **arguments, **image.environment},
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        assert ran.returncode == 0, f"RUN {step.text}\n{ran.stdout}\n{ran.stderr}"


def _lend(distribution: str, site_packages: Path) -> None:
    tops = {
        file.parts[0]: Path(str(file.locate())) for file in files(distribution) or () if file.parts[0] != ".."
    }
    for top, file in tops.items():
        home = next(parent for parent in (file, *file.parents) if parent.name == top)
        if home.is_dir():
            shutil.copytree(home, site_packages / top, copy_function=_link)
        else:
            _link(str(home), str(site_packages / top))


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
