"""From what a person types to the run, or the sweep, that is meant."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hessianfree_lab.errors import Fault, InvalidRequest, RunNotFound, SweepNotFound

if TYPE_CHECKING:
    from hessianfree_lab.client import Client
    from hessianfree_lab.records import Run
    from hessianfree_lab.records.sweeps import Sweep

ID_LENGTH = 36
_OF_IDS = re.compile("[0-9a-f-]+")
LISTED = 5


def find_run(client: "Client", reference: str) -> "Run":
    """The run whose id is, begins with or ends with `reference`.

    Ids begin with the time, so that runs of one minute share their first characters; endings tell them apart.
    Raises `RunNotFound`, or `InvalidRequest` that lists the candidates when there are several.
    """
    wanted = reference.strip().lower()
    if len(wanted) >= ID_LENGTH:
        return client.run(wanted)
    matches = [run for run in _with(client, wanted) if run.id.startswith(wanted) or run.id.endswith(wanted)]
    if not matches:
        raise RunNotFound(reference)
    if len(matches) > 1:
        shown = ", ".join(f"{run.id} ({run.name})" for run in matches[:LISTED])
        more = f" and {len(matches) - LISTED} more" if len(matches) > LISTED else ""
        raise InvalidRequest([Fault("id", f"{reference!r} is short for {len(matches)} runs: {shown}{more}.")])
    return matches[0]


def find_sweep(client: "Client", reference: str) -> "Sweep":
    """The sweep whose id is, begins with or ends with `reference`; errors as those of `find_run`."""
    wanted = reference.strip().lower()
    if len(wanted) >= ID_LENGTH:
        return client.sweeps.get(wanted)
    matches = [each for each in client.sweeps.all() if each.id.startswith(wanted) or each.id.endswith(wanted)]
    if not matches:
        raise SweepNotFound(reference)
    if len(matches) > 1:
        shown = ", ".join(f"{each.id} ({each.name})" for each in matches[:LISTED])
        raise InvalidRequest([Fault("id", f"{reference!r} is short for {len(matches)} sweeps: {shown}.")])
    return matches[0]


def _with(client: "Client", part: str) -> Iterator["Run"]:
    """The runs in whose ids `part` occurs, newest first, archived ones included."""
    if not _OF_IDS.fullmatch(part):
        return iter(())
    return iter(client.runs(filter=f'id : "{part}"', sort="-created_at", archived="all"))
