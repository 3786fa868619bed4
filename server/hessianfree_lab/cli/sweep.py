"""`hessianfree sweep FILE`: begin a sweep. `--report ID`: what one has found."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hessianfree_lab.cli import options
from hessianfree_lab.errors import ConfigurationError

if TYPE_CHECKING:
    from hessianfree_lab.client import Client
    from hessianfree_lab.records.sweeps import BestTrial, Sweep

LOOK_SECONDS = 2.0


def sweep(
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="The sweep, YAML or JSON; - reads standard input.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change the sweep: --set search.trials=50. May be repeated."
        ),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the sweep to its end.")] = False,
    report: Annotated[
        str | None,
        typer.Option("--report", metavar="ID", help="Begin nothing: say what this sweep has found."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="PATH", help="Where --report writes its page: sweep-ID.html."),
    ] = None,
    key: options.Key = None,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """Begin a sweep: one job tried with many settings; or report on one.

    Prints the sweep's id and its address in the dashboard. With --watch it exits with 0 only if some trial came to a
    value. Ctrl-C leaves the sweep alone.

    With --report ID it prints the best trials and how much each parameter matters, and writes both with the figures
    to one HTML file that opens without a server.
    """
    from hessianfree_lab.cli.configuration import connect
    from hessianfree_lab.cli.keyed import keyed
    from hessianfree_lab.cli.specfile import read_spec
    from hessianfree_lab.cli.sweep_report import print_report

    if (file is None) == (report is None):
        raise ConfigurationError("Give a FILE to begin a sweep, or --report ID of one that there is.")
    if report is not None:
        with connect(server, token, token_file) as client:
            print_report(client, report, output)
        return
    assert file is not None
    spec = read_spec(file, changes or ())
    with connect(server, token, token_file) as client:
        begun = keyed(lambda known: client.sweeps.submit(spec, known), key)
        typer.echo(f"{begun.id}  {client.url}/sweeps/{begun.id}")
        if watch:
            _watch(client, begun)


def _watch(client: "Client", known: "Sweep") -> None:
    """A line whenever something has changed; at the end the best settings. `typer.Exit` with 1 if there are none."""
    said = ""
    while True:
        line = _progress(known)
        if line != said:
            typer.echo(line)
            said = line
        if known.state != "running":
            break
        time.sleep(LOOK_SECONDS)
        known = client.sweeps.get(known.id)
    if known.best is None:
        why = f" {known.error}" if known.error else ""
        typer.echo(
            f"hessianfree: {known.name} is {known.state}, and no trial came to a value.{why}", err=True
        )
        raise typer.Exit(1)
    _print_best(known.best)


def _progress(known: "Sweep") -> str:
    from hessianfree_lab.cli import text

    counts = known.trials
    ended = sum(counts[state] for state in ("completed", "pruned", "failed", "cancelled"))
    words = [f"{known.name}: {ended}/{known.total} trials", f"{counts['running']} running"]
    words += [f"{counts[state]} {state}" for state in ("pruned", "failed", "cancelled") if counts[state]]
    if known.best is not None:
        words.append(
            f"best {known.spec.objective.metric} {text.number(known.best.value)} (#{known.best.number})"
        )
    return ", ".join(words)


def _print_best(best: "BestTrial") -> None:
    typer.echo(f"Best: trial {best.number}, run {best.run}")
    for path, value in best.params.items():
        typer.echo(f"  {path}: {_written(value)}")


def _written(value: Any) -> str:
    """As a job file has it, with all digits."""
    import json

    return json.dumps(value)
