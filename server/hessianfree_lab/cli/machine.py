"""A whole installation on one machine, as `up` and `demo` start it."""

import os
from pathlib import Path

from hessianfree_lab.cli.children import Children
from hessianfree_lab.cli.configuration import read_settings
from hessianfree_lab.credentials import read_token
from hessianfree_lab.variables import of_setting


def start_machine(
    *,
    host: str | None,
    port: int | None,
    data_dir: Path | None,
    storage: str | None = None,
    database_url: str | None = None,
    token: str | None,
    token_file: Path | None,
    slots: int | None = None,
    jobs_per_gpu: int | None = None,
    gpu_memory_fraction: float | None = None,
    skip_busy_gpus: bool = False,
    name: str | None = None,
    datasets: Path | None = None,
    problems: Path | None = None,
    threads: int | None = None,
    is_quiet: bool = False,
) -> Children:
    """Server and worker, started when the answer is entered. What is None is left to the environment.

    `threads` of a job's arithmetic are what OMP_NUM_THREADS says, where it says something.

    Raises `ConfigurationError` when a setting has no meaning; what only a server can find out (a port in use, a
    directory that cannot be written) the server says, and ends.
    """
    settings = read_settings(
        host=host,
        port=port,
        data_dir=data_dir,
        storage=storage,
        database_url=database_url,
        token=read_token(token, token_file),
    )
    # By the environment, not by flags: everybody on the machine can read a command line, and the token is secret.
    by_name = {
        "host": settings.host,
        "port": str(settings.port),
        "data_dir": str(settings.data_dir),
        "storage": settings.storage or "",
        "database_url": settings.database_url or "",
        "token": settings.secret or "",
    }
    environment = {of_setting(name): value for name, value in by_name.items()}
    if threads is not None:
        environment["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", str(threads))
    given = {
        "--name": name,
        "--slots": slots,
        "--jobs-per-gpu": jobs_per_gpu,
        "--gpu-memory-fraction": gpu_memory_fraction,
        "--datasets": datasets,
        "--problems": problems,
    }
    work_flags = [word for flag, value in given.items() if value is not None for word in (flag, str(value))]
    work_flags += ["--skip-busy-gpus"] if skip_busy_gpus else []
    return Children(environment=environment, work_flags=work_flags, is_quiet=is_quiet)
