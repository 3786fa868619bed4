"""The executor that a worker was asked for."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hessianfree_lab.cli.options import Place
from hessianfree_lab.variables import DATASETS, PROBLEMS

if TYPE_CHECKING:
    from hessianfree_lab.logs import Say
    from hessianfree_lab.worker.executors.interface import Executor
    from hessianfree_lab.worker.placement import Sharing


def chosen_executor(
    place: Place,
    *,
    slots: int | None,
    sharing: "Sharing",
    say: "Say",
    address: str,
    cpus: int,
    parameters: Sequence[str] | None,
    cluster: str | None,
) -> "Executor":
    """Connected, where it is one of Ray's; `sharing` is of this machine's GPUs, `say` for words about them.

    Raises `LabError` where it cannot be used here.
    """
    match place:
        case Place.RAY:
            from hessianfree_lab.worker.executors.ray_cluster import RayExecutor

            problems = os.environ.get(PROBLEMS)
            return RayExecutor(
                address,
                cpus=cpus,
                slots=slots,
                problems=Path(problems) if problems else None,
                variables={name: os.environ[name] for name in (DATASETS,) if name in os.environ},
            )
        case Place.SLURM:
            from hessianfree_lab.worker.executors.slurm import SlurmExecutor

            return SlurmExecutor(
                slots=slots or 1, cpus=cpus, cluster=cluster, parameters=_parameters(parameters or ())
            )
        case Place.LOCAL:
            from hessianfree_lab.worker.executors.local import LocalExecutor

            return LocalExecutor(slots=slots, sharing=sharing, say=say)


def _parameters(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not (name and sign):
            raise typer.BadParameter(f"--slurm is {text!r}; it must be NAME=VALUE.")
        found[name] = value
    return found
