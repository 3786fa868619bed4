"""A whole installation on one machine, as `up` and `demo` start it."""

import os
from pathlib import Path

from hessianfree_lab.cli.children import Children
from hessianfree_lab.cli.configuration import read_settings
from hessianfree_lab.credentials import read_token


def start_machine(
    *,
    host: str | None,
    port: int | None,
    data_dir: Path | None,
    database_url: str | None = None,
    token: str | None,
    token_file: Path | None,
    slots: int = 1,
    name: str | None = None,
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
        database_url=database_url,
        token=read_token(token, token_file),
    )
    # By the environment, not by flags: everybody on the machine can read a command line, and the token is secret.
    environment = {
        "HESSIANFREE_HOST": settings.host,
        "HESSIANFREE_PORT": str(settings.port),
        "HESSIANFREE_DATA_DIR": str(settings.data_dir),
        "HESSIANFREE_DATABASE_URL": settings.database_url or "",
        "HESSIANFREE_TOKEN": settings.secret or "",
    }
    if threads is not None:
        environment["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", str(threads))
    work_flags = ["--slots", str(slots), *(["--name", name] if name else [])]
    return Children(environment=environment, work_flags=work_flags, is_quiet=is_quiet)
