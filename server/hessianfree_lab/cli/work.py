"""`hessianfree work`: one worker."""

from pathlib import Path
from typing import Annotated

import typer

from hessianfree_lab.cli import options


def work(
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
    slots: options.Slots = None,
    jobs_per_gpu: options.JobsPerGpu = 1,
    gpu_memory_fraction: options.GpuMemoryFraction = None,
    skip_busy_gpus: options.SkipBusyGpus = False,
    executor: options.Where = options.Place.LOCAL,
    address: options.Address = "auto",
    cpus: options.Cpus = 1,
    slurm: options.SlurmParameter = None,
    slurm_cluster: options.SlurmCluster = None,
    name: options.WorkerName = None,
    data_dir: options.DataDir = None,
    storage: options.Storage = None,
    datasets: options.Datasets = None,
    problems: options.Problems = None,
    heartbeat_file: Annotated[
        Path | None,
        typer.Option(
            "--heartbeat-file",
            metavar="PATH",
            help="Touch this file whenever the server has answered; for health checks.",
        ),
    ] = None,
    until_stdin_closes: options.UntilStdinCloses = False,
) -> None:
    """Run a worker, which trains jobs.

    It claims jobs from the server and trains each in a process of its own: here, on the Ray cluster
    at --address, or under Slurm. It may start before the server does, and outlives its restarts.
    """
    import os

    from hessianfree_lab.cli.cluster import chosen_executor
    from hessianfree_lab.cli.configuration import read_settings, server_url
    from hessianfree_lab.cli.signals import stop_when_stdin_closes
    from hessianfree_lab.credentials import read_token
    from hessianfree_lab.logs import set_up
    from hessianfree_lab.variables import DATASETS, PROBLEMS
    from hessianfree_lab.worker.agent import Agent
    from hessianfree_lab.worker.keeping import Keeping
    from hessianfree_lab.worker.placement import Sharing

    # Its jobs, in processes of their own, find them there.
    folders = {DATASETS: datasets, PROBLEMS: problems}
    os.environ |= {name: str(folder.resolve()) for name, folder in folders.items() if folder}
    settings = read_settings(data_dir=data_dir, storage=storage)
    keeping = Keeping(storage=settings.storage, newest=settings.keep_checkpoints)
    keeping.check()
    say = set_up(settings.log_format)
    if heartbeat_file:
        _remove(heartbeat_file)
    agent = Agent(
        server_url(server),
        read_token(token, token_file),
        executor=chosen_executor(
            executor,
            slots=slots,
            sharing=Sharing(
                jobs_per_gpu=jobs_per_gpu, memory_fraction=gpu_memory_fraction, skips_busy=skip_busy_gpus
            ),
            say=say,
            address=address,
            cpus=cpus,
            parameters=slurm,
            cluster=slurm_cluster,
        ),
        name=name,
        data_dir=settings.data_dir,
        keeping=keeping,
        keep_days=settings.keep_days,
        heartbeat_file=heartbeat_file,
        say=say,
    )
    if executor is options.Place.RAY and settings.storage is None:
        say("Without --storage checkpoints stay on the node: a job that loses its node begins anew.")
    if until_stdin_closes:
        stop_when_stdin_closes()
    agent.run()


def _remove(heartbeat_file: Path) -> None:
    """What an earlier process touched says nothing of this one."""
    from hessianfree_lab.errors import ConfigurationError

    try:
        heartbeat_file.touch()
        heartbeat_file.unlink()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"The heartbeat file {heartbeat_file} cannot be made: {reason}.") from None
