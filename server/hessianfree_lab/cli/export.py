"""`hessianfree export ID`: everything a run recorded."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hessianfree_lab.cli import options
from hessianfree_lab.errors import ConfigurationError


class Format(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


def export(
    run_id: options.RunId,
    file_format: Annotated[
        Format | None, typer.Option("--format", help="Default: the output's ending, else csv.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="PATH", help="Default: standard output.")
    ] = None,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """Write all metrics of a run.

    Every step is a row, every metric a column.
    """
    from hessianfree_lab.cli.configuration import connect
    from hessianfree_lab.cli.lookup import find_run

    chosen = file_format or _format_of(output)
    if chosen is Format.PARQUET and output is None and sys.stdout.isatty():
        raise ConfigurationError(
            "Parquet is binary and standard output is a terminal: name a file with --output."
        )
    with connect(server, token, token_file) as client:
        content = client.request("GET", f"/runs/{find_run(client, run_id).id}/metrics.{chosen.value}").content
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(
            f"{output} cannot be written: {(error.strerror or str(error)).lower()}."
        ) from None
    typer.echo(f"Wrote {output} ({len(content)} bytes).", err=True)


def _format_of(output: Path | None) -> Format:
    ending = output.suffix.removeprefix(".").lower() if output else ""
    return next((known for known in Format if known.value == ending), Format.CSV)
