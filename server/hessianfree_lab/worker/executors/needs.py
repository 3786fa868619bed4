"""What a job takes of a cluster."""

import math
from dataclasses import dataclass
from typing import Self

from hessianfree_lab.records import Assignment, JobSpec
from hessianfree_lab.variables import VISIBLE_DEVICES
from hessianfree_lab.worker.placement import gpus_wanted


@dataclass(frozen=True, kw_only=True)
class Needs:
    """`processes`, each with so many processors and GPUs."""

    processes: int
    cpus: int
    gpus: int

    @classmethod
    def of(cls, spec: JobSpec, *, cpus: int, has_gpus: bool) -> Self:
        """`cpus`: of each process. `has_gpus`: whether a job that leaves the choice may get one there."""
        processes = spec.resources.processes
        gpus = gpus_wanted(spec) if has_gpus or spec.device != "auto" or spec.resources.gpus else 0
        return cls(processes=processes, cpus=cpus, gpus=math.ceil(gpus / processes))

    def __str__(self) -> str:
        each = " each" if self.processes > 1 else ""
        processes = _counted(self.processes, "process", "processes")
        return f"{processes} with {_counted(self.cpus, 'CPU', 'CPUs')} and {_counted(self.gpus, 'GPU', 'GPUs')}{each}"

    def places(self, cpus: int, gpus: int) -> int:
        """How many of the processes an idle machine with so many of both has room for."""
        return min(cpus // self.cpus, gpus // self.gpus if self.gpus else self.processes)

    def variables(self, here: int) -> dict[str, str]:
        """Of the environment of a process, where `here` of them share a machine: they divide its threads by that."""
        threads = {"OMP_NUM_THREADS": str(here * self.cpus)}
        return threads if self.gpus else threads | {VISIBLE_DEVICES: ""}


def anywhere(assignment: Assignment) -> Assignment:
    """Without the number of a GPU: of those that the cluster gives to the job it is the first."""
    spec = assignment.spec
    if not spec.device.startswith("cuda:"):
        return assignment
    return assignment.model_copy(update={"spec": spec.model_copy(update={"device": "cuda"})})


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
