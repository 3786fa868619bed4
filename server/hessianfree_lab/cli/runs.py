"""`hessianfree runs`: a table of runs."""

from typing import Annotated

import typer

from hessianfree_lab.cli import options


def runs(
    state: Annotated[str | None, typer.Option("--state", help="Only runs in this state.")] = None,
    problem: Annotated[str | None, typer.Option("--problem", help="Only runs of this problem.")] = None,
    optimizer: Annotated[
        str | None, typer.Option("--optimizer", help="Only runs with this optimizer.")
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only runs with this tag.")] = None,
    sort: Annotated[
        str, typer.Option("--sort", help="As in the API: name, -created_at, loss.last ...")
    ] = "-created_at",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=200, help="At most so many.")] = 20,
    as_json: options.AsJson = False,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """List runs, newest first."""
    from rich.table import Table

    from hessianfree_lab.cli import text
    from hessianfree_lab.cli.configuration import connect

    with connect(server, token, token_file) as client:
        page = client.runs(state=state, problem=problem, optimizer=optimizer, tag=tag, sort=sort, limit=limit)
    if as_json:
        typer.echo(page.model_dump_json(indent=2))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("id", "state", "name", "problem", "optimizer"):
        table.add_column(heading, overflow="fold")
    for heading in ("loss", "best", "steps", "time"):
        table.add_column(heading, justify="right")
    for run in page.items:
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
    text.print_table(table)
    if page.next_cursor:
        typer.echo(f"More than {limit}: raise --limit, or filter.", err=True)
