"""The options that several verbs share.

Most have no default of their own: None means "not given", so that `Settings` or a `HESSIANFREE_*` variable decides.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hessianfree_lab.variables import (
    DATASETS,
    GPU_MEMORY_FRACTION,
    JOBS_PER_GPU,
    PROBLEMS,
    SERVER,
    SKIP_BUSY_GPUS,
    TOKEN,
    TOKEN_FILE,
)


class Place(StrEnum):
    """Where a worker's jobs run."""

    LOCAL = "local"
    RAY = "ray"
    SLURM = "slurm"


DEFAULT_SERVER = "http://127.0.0.1:8765"

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help=f"The server to speak to; or {SERVER}. Default: {DEFAULT_SERVER}",
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token", metavar="TOKEN", help=f"The server's token; or {TOKEN}, which `ps` does not show."
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="PATH", help=f"Read the token from a file; or {TOKEN_FILE}."),
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="PATH", help="Where everything is kept. Default: hessianfree-data"),
]
Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="URL",
        help="Where files of runs are kept, checkpoints too: s3://bucket/prefix, or a folder that all machines share. "
        "Default: the data directory.",
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        help="Any SQLAlchemy URL. Default: a SQLite file in the data directory.",
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        "--host", metavar="ADDRESS", help="Address to listen on. Default: 127.0.0.1; any other needs a token."
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        metavar="PORT",
        min=0,
        max=65535,
        help="Port to listen on; 0 takes any free one. Default: 8765",
    ),
]
AllowedHost = Annotated[
    list[str] | None,
    typer.Option(
        "--allowed-host",
        metavar="NAME",
        help="A name the server answers to beside localhost; may be repeated. Default: beyond loopback, any.",
    ),
]
Slots = Annotated[
    int | None,
    typer.Option(
        "--slots",
        metavar="N",
        min=1,
        max=10_000,
        help="Jobs at a time. Default: as many as the GPUs, or a Ray cluster, have room for; without GPUs 1.",
    ),
]
JobsPerGpu = Annotated[
    int,
    typer.Option(
        "--jobs-per-gpu", metavar="N", min=1, max=64, envvar=JOBS_PER_GPU, help="Jobs that share a GPU."
    ),
]
GpuMemoryFraction = Annotated[
    float | None,
    typer.Option(
        "--gpu-memory-fraction",
        metavar="PART",
        envvar=GPU_MEMORY_FRACTION,
        help="Of a GPU's memory, what a job may take. Default: all; an equal part where jobs share it.",
    ),
]
SkipBusyGpus = Annotated[
    bool,
    typer.Option(
        "--skip-busy-gpus",
        envvar=SKIP_BUSY_GPUS,
        help="Start no job on a GPU that other programs use.",
    ),
]
Where = Annotated[
    Place,
    typer.Option("--executor", help="Where jobs run: this machine, a Ray cluster, or Slurm."),
]
Address = Annotated[
    str,
    typer.Option(
        "--address", metavar="ADDRESS", help="Of a Ray cluster: auto, HOST:PORT or ray://HOST:PORT."
    ),
]
Cpus = Annotated[
    int,
    typer.Option("--cpus", metavar="N", min=1, help="On a cluster: processors of each process of a job."),
]
SlurmCluster = Annotated[
    str | None,
    typer.Option(
        "--slurm-cluster", metavar="NAME", help="local: processes of this machine in place of Slurm."
    ),
]
SlurmParameter = Annotated[
    list[str] | None,
    typer.Option(
        "--slurm",
        metavar="NAME=VALUE",
        help="A parameter of submitit: partition=gpu, timeout_min=720, gpus_per_node=4; may be repeated.",
    ),
]
WorkerName = Annotated[
    str | None,
    typer.Option(
        "--name", metavar="NAME", help="How the worker is shown. Default: host name and process id."
    ),
]
Datasets = Annotated[
    Path | None,
    typer.Option(
        "--datasets",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help=f"Where files of datasets lie, in a folder for each; or {DATASETS}.",
    ),
]
Problems = Annotated[
    Path | None,
    typer.Option(
        "--problems",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help=f"Python files with problems of your own; or {PROBLEMS}.",
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="KEY",
        help="Any name for what is sent: sent again under it, nothing new begins. Default: another one each time.",
    ),
]
RunId = Annotated[
    str,
    typer.Argument(metavar="ID", help="A run's id, or a beginning or an end of it that no other run shares."),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output, for scripts.")]
UntilStdinCloses = Annotated[
    bool,
    typer.Option(
        "--until-stdin-closes", hidden=True, help="Stop when standard input closes: the parent has gone."
    ),
]
