"""`hessianfree demo`: four optimizers on the same handwritten digits, side by side in a browser."""

import socket
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hessianfree_lab.cli import contenders, options
from hessianfree_lab.errors import LabError

if TYPE_CHECKING:
    from hessianfree_lab.cli.children import Children
    from hessianfree_lab.client import Client
    from hessianfree_lab.records import Run

LOOK_SECONDS = 0.2
ANNOUNCE_SECONDS = 120.0  # a worker's first import of torch from a cold disk


def demo(
    leave: Annotated[
        bool, typer.Option("--exit", help="End with the jobs; non-zero if one did not complete.")
    ] = False,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="SECONDS", min=0.1, help="Training time of each job.")
    ] = contenders.SECONDS,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps", metavar="N", min=1, help="At most so many steps a job. Default: as many as fit."
        ),
    ] = None,
    host: options.Host = None,
    port: options.Port = None,
    data_dir: options.DataDir = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
) -> None:
    """Compare four optimizers on real digits, live.

    Starts server and worker, queues Hessian-free with and without preconditioner, Adam and L-BFGS on the same problem
    with the same seed, and shows how they do. Serves on until
    Ctrl-C, so that there is time to look around; with --exit it ends when the jobs have.
    """
    from hessianfree_lab.cli.configuration import read_settings
    from hessianfree_lab.cli.machine import start_machine
    from hessianfree_lab.cli.signals import interrupt_on_signals
    from hessianfree_lab.client import Client
    from hessianfree_lab.credentials import read_token

    interrupt_on_signals()
    settings = read_settings(host=host, port=port)
    if port is None and not _is_free(settings.host, settings.port):
        typer.echo(f"Port {settings.port} is taken: using a free one.")
        port = 0
    jobs = contenders.comparison(seconds=seconds, steps=steps)
    with (
        start_machine(
            host=host,
            port=port,
            data_dir=data_dir,
            token=token,
            token_file=token_file,
            threads=contenders.THREADS,
            is_quiet=True,
        ) as machine,
        Client(machine.url, read_token(token, token_file)) as client,
    ):
        runs = _race(machine, client, jobs)
        _print_results(client, runs)
        if not leave:
            typer.echo(f"The dashboard stays at {machine.url} until Ctrl-C.")
            machine.wait_for_interrupt()
    if leave and any(run.state != "completed" for run in runs):
        raise typer.Exit(1)


def _is_free(host: str, port: int) -> bool:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
            )  # as the server does: old connections may linger
            probe.bind(address)
    except OSError:
        return False
    return True


def _race(machine: "Children", client: "Client", jobs: Sequence[Mapping[str, Any]]) -> list["Run"]:
    """Queue the jobs, show them until the last has ended, and return them in the order of `jobs`."""
    from hessianfree_lab.cli.following import follow
    from hessianfree_lab.cli.progress import progress_view

    typer.echo("Waiting for the worker to load torch.")
    _wait_for_worker(machine, client)
    latest = {run.id: run for run in map(client.submit, jobs)}
    typer.echo(f"\nCompare them live: {machine.url}/compare?runs={','.join(latest)}\n")
    with progress_view() as view:
        for run in follow(client, list(latest), on_check=machine.check):
            latest[run.id] = run
            view.show(run)
    return list(latest.values())


def _wait_for_worker(machine: "Children", client: "Client") -> None:
    deadline = time.monotonic() + ANNOUNCE_SECONDS
    while not any(
        contenders.PROBLEM in worker.problems for worker in client.workers() if worker.state != "gone"
    ):
        machine.check()
        if time.monotonic() > deadline:
            raise LabError(f"No worker announced {contenders.PROBLEM} within {ANNOUNCE_SECONDS:.0f} seconds.")
        time.sleep(LOOK_SECONDS)


def _print_results(client: "Client", runs: Sequence["Run"]) -> None:
    from rich.table import Table

    from hessianfree_lab.cli import text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("", "state"):
        table.add_column(heading)
    for heading in ("loss", "held-out loss", "steps", "time", "gradient equivalents"):
        table.add_column(heading, justify="right")
    for run in runs:
        table.add_row(
            run.name,
            text.state(run),
            text.number(text.last(run, "loss_after")),
            text.number(text.last(run, "eval_loss")),
            str(run.progress.step),
            text.duration(run.progress.seconds),
            text.number(_total(client, run, "gradient_equivalents")),
        )
    text.print_table(table)


def _total(client: "Client", run: "Run", metric: str) -> float | None:
    """The metric's sum over all steps."""
    totals = client.metrics(run.id, ["loss"], x=metric, max_points=2).x
    return float(totals[-1]) if totals else None
