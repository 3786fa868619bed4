"""`hessianfree up`: a server and one local worker, in one command."""

import typer

from hessianfree_lab.cli import options


def up(
    host: options.Host = None,
    port: options.Port = None,
    data_dir: options.DataDir = None,
    database_url: options.DatabaseUrl = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
    slots: options.Slots = 1,
    name: options.WorkerName = None,
) -> None:
    """Run a server and one local worker.

    Both stop at Ctrl-C; if either ends by itself, the other is stopped."""
    from hessianfree_lab.cli.machine import start_machine
    from hessianfree_lab.cli.signals import interrupt_on_signals

    interrupt_on_signals()
    with start_machine(
        host=host,
        port=port,
        data_dir=data_dir,
        database_url=database_url,
        token=token,
        token_file=token_file,
        slots=slots,
        name=name,
    ) as machine:
        typer.echo(f"Open {machine.url} in a browser. Ctrl-C stops server and worker.")
        machine.wait_for_interrupt()
