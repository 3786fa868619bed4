"""`hessianfree runs`: a table of runs."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hessianfree_lab.cli import options

if TYPE_CHECKING:
    from rich.table import Table

    from hessianfree_lab.records import Run


def runs(
    filter: Annotated[
        str | None,
        typer.Option(
            "--filter", metavar="TEXT", help="As in docs/filters.md: 'loss.min < 0.1 and tag : paper'."
        ),
    ] = None,
    state: Annotated[str | None, typer.Option("--state", help="Only runs in this state.")] = None,
    problem: Annotated[str | None, typer.Option("--problem", help="Only runs of this problem.")] = None,
    optimizer: Annotated[
        str | None, typer.Option("--optimizer", help="Only runs with this optimizer.")
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only runs with this tag.")] = None,
    sort: Annotated[
        str, typer.Option("--sort", help="Any name of a filter: name, -created, loss.min ...")
    ] = "-created",
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns", metavar="NAMES", help="Names of filters, comma separated, in place of the usual."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")] = 20,
    as_json: options.AsJson = False,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """List runs, newest first."""
    from hessianfree_lab.cli import text
    from hessianfree_lab.cli.configuration import connect
    from hessianfree_lab.records import RunPage

    asked: dict[str, Any] = {
        "filter": filter, "state": state, "problem": problem, "optimizer": optimizer, "tag": tag, "sort": sort,
        "limit": limit,
    }  # fmt: skip
    with connect(server, token, token_file) as client:
        found = client.runs(**asked)
        total = found.total
        if columns is not None:
            names = [name.strip() for name in columns.split(",") if name.strip()]
            rows = client.table(names, **asked)
            if as_json:
                typer.echo(json.dumps(rows, indent=2))
            else:
                text.print_table(_asked_for(names, rows))
        elif as_json:
            typer.echo(RunPage(items=list(found), total=total).model_dump_json(indent=2))
        else:
            text.print_table(_usual(found))
    if total > limit and not as_json:
        typer.echo(f"{limit} of {total}: raise --limit, or filter.", err=True)


def _usual(found: "Sequence[Run] | Any") -> "Table":
    from hessianfree_lab.cli import text

    table = text.table(("id", "state", "name", "problem", "optimizer"), ("loss", "best", "steps", "time"))
    for run in found:
        table.add_row(
            text.short_id(run.id),
            text.state(run),
            run.name,
            str(run.spec.get("problem", text.MISSING)),
            str(run.spec.get("optimizer", text.MISSING)),
            text.number(text.last(run, "loss")),
            text.number(text.best(run, "loss")),
            text.steps(run),
            text.duration(run.progress.seconds),
        )
    return table


def _asked_for(names: Sequence[str], rows: Sequence[dict[str, Any]]) -> "Table":
    from hessianfree_lab.cli import text

    table = text.table(names, ())
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in names))
    return table


def _cell(value: Any) -> str:
    from hessianfree_lab.cli import text

    if value is None or value == []:
        return text.MISSING
    if isinstance(value, float):
        return text.number(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    return value if isinstance(value, str) else json.dumps(value)
