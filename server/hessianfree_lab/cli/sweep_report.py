"""What a sweep has found: on the terminal, and as a file."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hessianfree_lab.cli import text
from hessianfree_lab.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.table import Table

    from hessianfree_lab.client import Client
    from hessianfree_lab.records.sweep_reports import Sensitivity, SweepReport

_ENDS = {"low": "at the lower end", "high": "at the upper end", None: ""}


def print_report(client: "Client", reference: str, output: Path | None) -> None:
    """Print the best trials and the parameters, and write the file; `typer.Exit` with 1 if no trial has a value."""
    from hessianfree_lab.cli.lookup import find_sweep

    sweep = find_sweep(client, reference)
    report = client.sweeps.report(sweep.id)
    counts = ", ".join(f"{count} {state}" for state, count in sweep.trials.items() if count)
    typer.echo(f"{sweep.name}: {sweep.state}, {counts or 'no trials'} of {sweep.total}")
    if report.best:
        for table in (_best(report), _parameters(report)):
            typer.echo("")
            text.print_table(table)
    path = output or Path(f"sweep-{text.short_id(sweep.id)}.html")
    _write(path, client.sweeps.report_file(sweep.id))
    if not report.best:
        typer.echo(f"hessianfree: no trial of {sweep.name} has come to a value.", err=True)
        raise typer.Exit(1)


def _best(report: "SweepReport") -> "Table":
    from hessianfree_lab.figures.sweeps.material import short

    names = list(report.sweep.spec.search.space)
    table = text.table(
        (), ("trial", report.sweep.spec.objective.metric, *(short(name, names) for name in names))
    )
    for trial in report.best:
        params = [_written(trial.params[name]) if name in trial.params else text.MISSING for name in names]
        table.add_row(str(trial.number), text.number(trial.value), *params)
    return table


def _parameters(report: "SweepReport") -> "Table":
    table = text.table(("parameter", "leading trials", "best lies"), ("best", "importance", "of the range"))
    for each in report.params:
        best = _written(each.best) if each.is_set else text.MISSING
        note = _ENDS[each.edge]
        table.add_row(each.name, _leading(each), note, best, _percent(each.importance), _percent(each.share))
    return table


def _leading(found: "Sensitivity") -> str:
    if found.choices is not None:
        return ", ".join(map(_written, found.choices))
    if found.low is None:
        return text.MISSING
    return f"{text.number(found.low)} to {text.number(found.high)}"


def _percent(share: float | None) -> str:
    return text.MISSING if share is None else f"{100 * share:.0f} %"


def _written(value: object) -> str:
    """As a job file has it, numbers with four digits."""
    import json

    if isinstance(value, str):
        return value
    return text.number(value) if isinstance(value, float) else json.dumps(value)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"{path} cannot be written: {reason}.") from None
    typer.echo(f"Wrote {path} ({len(content)} bytes).", err=True)
