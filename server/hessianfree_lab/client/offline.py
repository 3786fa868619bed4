"""Runs that were recorded without a server: they wait on the disk until `hessianfree sync` makes them known to one.

Such a spool has one file more, script.json: what the server is to be told of the run, and the key under which it is
told once.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from hessianfree_lab.client.client import Client
from hessianfree_lab.client.connection import Home
from hessianfree_lab.client.spool import Spool, SpoolLock, write_atomically
from hessianfree_lab.errors import ClientError
from hessianfree_lab.records import ScriptRun

SCRIPT = "script.json"


def begin(root: Path, request: ScriptRun) -> tuple[Spool, SpoolLock]:
    """A new spool below `root` for a run that no server knows; locked by its creator."""
    key = f"offline-{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid4().hex[:8]}"
    spool, lock = Spool.create(root, run=key, attempt=1, name=request.name)
    told = {"key": key, "run": request.model_dump(mode="json")}
    write_atomically(spool.directory / SCRIPT, json.dumps(told))
    return spool, lock


def waits(spool: Spool) -> bool:
    """Whether no server knows the run yet, or none has said so."""
    return (spool.directory / SCRIPT).exists()


def register(spool: Spool, client: Client, home: Home | None) -> Spool:
    """Make the run at the server, which is `home`; the spool is that run's from now on, and may be delivered like any.

    From before the run is made the spool is that server's alone, unless it says no. Killed in between, it does the same
    again: the key makes it the same run. Raises `ClientError`, OSError, and ValueError when script.json is damaged.
    """
    path = spool.directory / SCRIPT
    told = json.loads(path.read_text())
    try:
        key, request = told["key"], ScriptRun.model_validate(told["run"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is {told!r}") from error
    replace(spool, home=home).write_owner()
    try:
        run = client.create_run(request, idempotency_key=key)
    except ClientError as error:
        if 400 <= error.status < 500:  # it has not been made
            spool.write_owner()
        raise
    registered = replace(spool, run=run.id, home=home)
    registered.write_owner()
    path.unlink()
    return registered
