"""What a worker here can train, as it announces it; `python -m hessianfree_lab.training.catalogue` prints it as JSON.

The worker's agent asks a process of its own, so that it neither waits for torch nor keeps it in memory.
"""

import sys

from hessianfree_lab.records import Device, OptimizerInfo, ProblemInfo
from hessianfree_lab.records.scalars import Wire
from hessianfree_lab.training.devices import devices
from hessianfree_lab.training.optimizers import OPTIMIZERS
from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.versions import versions


class Catalogue(Wire):
    """Problems, optimizers, devices and versions."""

    problems: list[ProblemInfo]
    optimizers: list[OptimizerInfo]
    devices: list[Device]
    versions: dict[str, str]


def catalogue() -> Catalogue:
    return Catalogue(
        problems=[problem.info() for problem in PROBLEMS.values()],
        optimizers=[optimizer.info() for optimizer in OPTIMIZERS.values()],
        devices=devices(),
        versions=versions(),
    )


if __name__ == "__main__":
    sys.stdout.write(catalogue().model_dump_json())
