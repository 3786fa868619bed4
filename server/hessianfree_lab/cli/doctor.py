"""`hessianfree doctor`: whether this machine can serve, train and reach its server."""

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hessianfree_lab.cli import options
from hessianfree_lab.cli.gpus import told_by_nvml
from hessianfree_lab.cli.surroundings import (
    BAD,
    GOOD,
    NOTE,
    Finding,
    data_directory,
    database,
    reachable,
    shared_storage,
)
from hessianfree_lab.version import __version__

if TYPE_CHECKING:
    from hessianfree_lab.settings import Settings

SERVING = ("fastapi", "sqlalchemy", "plotly")
TRAINING = ("backpack-for-pytorch", "scikit-learn")
PROBE_SECONDS = 120.0
# Asked of a process of its own: torch takes its seconds, and a broken driver can take the process with it.
PROBE = """
import json, torch
gpus = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
print(json.dumps({
    "version": torch.__version__,
    "threads": torch.get_num_threads(),
    "gpus": [f"{gpu.name} with {gpu.total_memory / 2**30:.0f} GiB" for gpu in gpus],
}))
"""


def doctor(
    data_dir: options.DataDir = None,
    storage: options.Storage = None,
    database_url: options.DatabaseUrl = None,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """Check this installation.

    Versions, torch and its devices, NVIDIA's driver and its GPUs, the data directory and its disk, the
    database, the storage, the server and its clock. Exits with 1 if something is wrong.
    """
    from hessianfree_lab.cli.configuration import read_settings

    typer.echo(f"hessianfree-lab {__version__}, Python {platform.python_version()}, {platform.platform()}")
    is_healthy = True
    settings = read_settings(data_dir=data_dir, storage=storage, database_url=database_url)
    for mark, finding in _findings(settings, server, token, token_file):
        typer.echo(f"{mark:>5}  {finding}")
        is_healthy = is_healthy and mark != BAD
    if not is_healthy:
        raise typer.Exit(1)


def _findings(
    settings: "Settings", server: str | None, token: str | None, token_file: Path | None
) -> Iterator[Finding]:
    yield _installed("serve", "server", SERVING)
    yield _installed("train", "worker", TRAINING)
    yield _torch()
    if _version("nvidia-ml-py") is not None:
        yield from told_by_nvml()
    yield data_directory(settings.data_dir)
    if _version("sqlalchemy") is not None:
        yield database(settings)
    if settings.storage is not None:
        yield shared_storage(settings.storage)
    yield from reachable(server, token, token_file)


def _installed(purpose: str, extra: str, packages: tuple[str, ...]) -> Finding:
    versions = {name: _version(name) for name in packages}
    missing = [name for name, found in versions.items() if found is None]
    if missing:
        remedy = f"To let it: pip install 'hessianfree-lab[{extra}]'."
        return NOTE, f"This installation cannot {purpose}: {', '.join(missing)} not installed. {remedy}"
    return GOOD, f"Can {purpose}: " + ", ".join(f"{name} {found}" for name, found in versions.items())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _torch() -> Finding:
    if _version("torch") is None:
        return NOTE, "No torch: this installation serves, and cannot train."
    try:
        probe = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        words = "Look whether a GPU's driver hangs (nvidia-smi), or the disk is very slow."
        return BAD, f"torch did not answer within {PROBE_SECONDS:.0f} seconds. {words}"
    *_, answer = ["", *probe.stdout.splitlines()]  # before it, whatever torch had to say
    if probe.returncode != 0 or not answer:
        last_words = (probe.stderr.strip().splitlines() or ["no message"])[-1].rstrip(".")
        remedy = (
            "Install it anew in this environment; if it is about CUDA, look at the driver first: nvidia-smi."
        )
        return BAD, f"torch cannot be used (exit code {probe.returncode}): {last_words}. {remedy}"
    found = json.loads(answer)
    devices = ", ".join(found["gpus"]) or "no GPU"
    return GOOD, f"torch {found['version']}: {devices}; {found['threads']} CPU threads"
