"""What a job takes of a cluster."""

from dataclasses import dataclass
from typing import Self

from hessianfree_lab.records import Assignment, JobSpec
from hessianfree_lab.variables import VISIBLE_DEVICES
from hessianfree_lab.worker.placement import gpus_wanted


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Processors and GPUs, of all processes of the job together."""

    processes: int
    cpus: int
    gpus: int

    @classmethod
    def of(cls, spec: JobSpec, *, cpus: int, has_gpus: bool) -> Self:
        """`cpus`: of each process. `has_gpus`: whether a job that leaves the choice may get one there."""
        processes = spec.resources.processes
        gpus = gpus_wanted(spec) if has_gpus or spec.device != "auto" or spec.resources.gpus else 0
        return cls(processes=processes, cpus=processes * cpus, gpus=gpus)

    def variables(self) -> dict[str, str]:
        """Of the environment of the job's first process, which shares its threads out among the others."""
        threads = {"OMP_NUM_THREADS": str(self.cpus)}
        return threads if self.gpus else threads | {VISIBLE_DEVICES: ""}


def anywhere(assignment: Assignment) -> Assignment:
    """Without the number of a GPU: of those that the cluster gives to the job it is the first."""
    spec = assignment.spec
    if not spec.device.startswith("cuda:"):
        return assignment
    return assignment.model_copy(update={"spec": spec.model_copy(update={"device": "cuda"})})
