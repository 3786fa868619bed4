"""`hessianfree up`: a server and one local worker, in one command."""

import typer

from hessianfree_lab.cli import options


def up(
    host: options.Host = None,
    port: options.Port = None,
    data_dir: options.DataDir = None,
    storage: options.Storage = None,
    database_url: options.DatabaseUrl = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
    slots: options.Slots = None,
    jobs_per_gpu: options.JobsPerGpu = 1,
    gpu_memory_fraction: options.GpuMemoryFraction = None,
    skip_busy_gpus: options.SkipBusyGpus = False,
    name: options.WorkerName = None,
    datasets: options.Datasets = None,
    problems: options.Problems = None,
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
        storage=storage,
        database_url=database_url,
        token=token,
        token_file=token_file,
        slots=slots,
        jobs_per_gpu=jobs_per_gpu,
        gpu_memory_fraction=gpu_memory_fraction,
        skip_busy_gpus=skip_busy_gpus,
        name=name,
        datasets=datasets,
        problems=problems,
    ) as machine:
        typer.echo(f"Open {machine.url} in a browser. Ctrl-C stops server and worker.")
        machine.wait_for_interrupt()
