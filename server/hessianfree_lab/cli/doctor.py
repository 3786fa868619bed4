"""`hessianfree doctor`: whether this machine can serve, train and reach its server."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from hessianfree_lab.cli import options
from hessianfree_lab.version import __version__

GOOD, NOTE, BAD = "ok", "note", "WRONG"
Finding = tuple[str, str]

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
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """Check this installation.

    Versions, torch and its devices, the data directory, the server. Exits with 1 if something is wrong.
    """
    typer.echo(f"hessianfree-lab {__version__}, Python {platform.python_version()}, {platform.platform()}")
    is_healthy = True
    for mark, finding in _findings(data_dir, server, token, token_file):
        typer.echo(f"{mark:>5}  {finding}")
        is_healthy = is_healthy and mark != BAD
    if not is_healthy:
        raise typer.Exit(1)


def _findings(
    data_dir: Path | None, server: str | None, token: str | None, token_file: Path | None
) -> Iterator[Finding]:
    from hessianfree_lab.cli.configuration import read_settings

    yield _installed("serve", SERVING)
    yield _installed("train", TRAINING)
    yield _torch()
    yield _writable(read_settings(data_dir=data_dir).data_dir)
    yield _reachable(server, token, token_file)


def _installed(purpose: str, packages: tuple[str, ...]) -> Finding:
    versions = {name: _version(name) for name in packages}
    missing = [name for name, found in versions.items() if found is None]
    if missing:
        return NOTE, f"This installation cannot {purpose}: {', '.join(missing)} not installed."
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
        return BAD, f"torch did not answer within {PROBE_SECONDS:.0f} seconds."
    if probe.returncode != 0:
        last_words = (probe.stderr.strip().splitlines() or ["no message"])[-1]
        return BAD, f"torch cannot be used (exit code {probe.returncode}): {last_words}"
    found = json.loads(probe.stdout)
    devices = ", ".join(found["gpus"]) or "no GPU"
    return GOOD, f"torch {found['version']}: {devices}; {found['threads']} CPU threads"


def _writable(data_dir: Path) -> Finding:
    """Asked of what is there already: a doctor leaves no directories behind."""
    place = data_dir.resolve()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return (
            BAD,
            f"The data directory {data_dir} cannot be written: {place}: {os.strerror(error.errno or 0).lower()}.",
        )
    return (
        GOOD,
        f"The data directory {data_dir} can be {'written' if place == data_dir.resolve() else 'made'}.",
    )


def _reachable(server: str | None, token: str | None, token_file: Path | None) -> Finding:
    from hessianfree_lab.cli.configuration import connect
    from hessianfree_lab.errors import ServerUnreachable

    with connect(server, token, token_file) as client:
        try:
            workers = [worker.name for worker in client.workers() if worker.state != "gone"]
        except ServerUnreachable as error:
            was_named = bool(server or os.environ.get("HESSIANFREE_SERVER"))
            return (BAD if was_named else NOTE), str(error)
        return GOOD, f"The server at {client.url} answers; workers: {', '.join(workers) or 'none'}."
