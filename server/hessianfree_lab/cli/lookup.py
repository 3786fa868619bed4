"""From what a person types to the run that is meant."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hessianfree_lab.errors import Fault, InvalidRequest, RunNotFound

if TYPE_CHECKING:
    from hessianfree_lab.client import Client
    from hessianfree_lab.records import Run

ID_LENGTH = 36
LISTED = 5


def find_run(client: "Client", reference: str) -> "Run":
    """The run whose id is, begins with or ends with `reference`.

    Ids begin with the time, so that runs of one minute share their first characters; endings tell them apart.
    Raises `RunNotFound`, or `InvalidRequest` that lists the candidates when there are several.
    """
    wanted = reference.strip().lower()
    if len(wanted) >= ID_LENGTH:
        return client.run(wanted)
    matches = (
        [run for run in all_runs(client) if run.id.startswith(wanted) or run.id.endswith(wanted)]
        if wanted
        else []
    )
    if not matches:
        raise RunNotFound(reference)
    if len(matches) > 1:
        shown = ", ".join(f"{run.id} ({run.name})" for run in matches[:LISTED])
        more = f" and {len(matches) - LISTED} more" if len(matches) > LISTED else ""
        raise InvalidRequest([Fault("id", f"{reference!r} is short for {len(matches)} runs: {shown}{more}.")])
    return matches[0]


def all_runs(client: "Client") -> Iterator["Run"]:
    """Every run, newest first, archived ones included."""
    cursor = None
    while True:
        page = client.runs(limit=200, sort="-created_at", cursor=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return
