"""`hessianfree workers`: a table of workers."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from hessianfree_lab.cli import options

if TYPE_CHECKING:
    from rich.table import Table

    from hessianfree_lab.records import Worker


def workers(
    as_json: options.AsJson = False,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """List workers: what they train on, and which jobs they have."""
    from hessianfree_lab.cli import text
    from hessianfree_lab.cli.configuration import connect

    with connect(server, token, token_file) as client:
        found = client.workers()
    if as_json:
        typer.echo(json.dumps([worker.model_dump(mode="json") for worker in found], indent=2))
    elif found:
        text.print_table(_table(found, datetime.now(UTC)))
    else:
        typer.echo("No worker is here: start one with `hessianfree work`.", err=True)


def _table(found: "list[Worker]", now: datetime) -> "Table":
    from hessianfree_lab.cli import text

    table = text.table(("name", "state", "slots", "devices", "jobs", "last heard"), ())
    for worker in found:
        quiet = max((now - worker.last_seen_at).total_seconds(), 0.0)  # its server's clock may be ahead
        table.add_row(
            worker.name,
            worker.state,
            f"{len(worker.runs)}/{worker.slots}",
            ", ".join(device.name for device in worker.devices) or text.MISSING,
            " ".join(text.short_id(run) for run in worker.runs) or text.MISSING,
            f"{text.duration(quiet)} ago",
        )
    return table
