"""Where a job trains: its GPUs, and its share of them and of the machine."""

import os
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hessianfree_lab.errors import LabError
from hessianfree_lab.lifecycle import Cause
from hessianfree_lab.records import Assignment, Device, FinishRequest, JobSpec, Offer
from hessianfree_lab.variables import (
    GPU_MEMORY_FRACTION,
    JOBS_PER_GPU,
    TOKEN,
    TOKEN_FILE,
    VISIBLE_DEVICES,
)

CONTEXT_BYTES = 600 * 2**20
"""What CUDA takes of a GPU for every process, beside what torch allocates; the fraction does not count it."""


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """How jobs share a worker's GPUs.

    `memory_fraction`: the part of a GPU's memory that a job may allocate; None: all for a job alone on it, an equal
    part for one of several. `skips_busy`: GPUs that other programs use get no job.
    """

    jobs_per_gpu: int = 1
    memory_fraction: float | None = None
    skips_busy: bool = False

    def __post_init__(self) -> None:
        if self.jobs_per_gpu < 1:
            raise LabError(f"{JOBS_PER_GPU} must be at least 1; it is {self.jobs_per_gpu}.")
        fraction = self.memory_fraction
        if fraction is not None and not 0 < fraction * self.jobs_per_gpu <= 1:
            most = 1 / self.jobs_per_gpu
            raise LabError(
                f"{GPU_MEMORY_FRACTION} must be above 0 and at most {most:.4g}, one part of {self.jobs_per_gpu}; "
                f"it is {fraction:.4g}."
            )

    def fraction(self, memory_bytes: int | None) -> float | None:
        """Of the memory of a GPU with so much, for a job that shares it; None: no limit."""
        if self.memory_fraction is not None or self.jobs_per_gpu == 1:
            return self.memory_fraction
        part = 1 / self.jobs_per_gpu
        return part - min(CONTEXT_BYTES / memory_bytes, part / 2) if memory_bytes else part

    def in_words(self, gpus: Sequence[Device]) -> Iterator[str]:
        """A sentence, where there are some."""
        if gpus:
            names = ", ".join(f"{gpu.name} ({gpu.title})" for gpu in gpus)
            each = "one job" if self.jobs_per_gpu == 1 else f"{self.jobs_per_gpu} jobs"
            yield f"Jobs train on {names}: {each} a GPU at a time."


@dataclass(frozen=True, kw_only=True)
class Placed:
    """An assignment where it is to train, and the environment variables that put it there."""

    assignment: Assignment
    variables: Mapping[str, str]
    gpus: Sequence[str] = ()  # by their names


def gpus_wanted(spec: JobSpec) -> int:
    """How many a job takes on a worker that has some; several processes that ask for none train on the CPU."""
    if spec.device == "cpu" or (
        spec.device == "auto" and spec.resources.processes > 1 and not spec.resources.gpus
    ):
        return 0
    return max(spec.gpus, 1)


def chosen(
    spec: JobSpec, jobs: Mapping[str, int], *, unfit: Collection[str] = (), parts: Collection[str] = ()
) -> list[str]:
    """The GPUs that a job gets: those with the fewest jobs, the first of them. `jobs` are by GPU, in their order.

    A job that names one gets that one. `parts`, MIG instances, go to jobs with one GPU alone: a process sees no second
    one. Where the server gave what was not offered, jobs share, and the process of one that has too few says so.
    """
    wanted = gpus_wanted(spec)
    if spec.device in jobs:
        return [spec.device]
    if wanted == 0 or spec.device not in ("auto", "cuda"):
        return []
    fit = [name for name in jobs if name not in unfit and (wanted == 1 or name not in parts)] or list(jobs)
    least = sorted(fit, key=lambda name: jobs[name])[:wanted]
    return [name for name in jobs if name in least]


class Placement:
    """Which job is on which GPU. Any thread may ask."""

    def __init__(self, gpus: Sequence[Device], sharing: Sharing) -> None:
        self._gpus = {gpu.name: gpu for gpu in gpus}
        self._parts = {gpu.name for gpu in gpus if (gpu.uuid or "").startswith("MIG-")}
        self._sharing = sharing
        self._lock = threading.Lock()
        self._held: dict[tuple[str, int], Placed] = {}
        self._broken: dict[str, str] = {}
        self._unfit: dict[str, str] = {}

    @property
    def skips_busy(self) -> bool:
        return self._sharing.skips_busy

    def offer(self) -> Offer | None:
        """What there is room on; None where there are no GPUs, so that there is nothing to say."""
        with self._lock:
            if not self._gpus:
                return None
            jobs, unfit = self._jobs(), self._why_not()
            fit = [name for name in self._gpus if name not in unfit]
            wholes = [name for name in fit if name not in self._parts]
            return Offer(
                room=[name for name in fit if jobs[name] < self._sharing.jobs_per_gpu],
                whole=sum(jobs[name] == 0 for name in wholes),
                most=len(wholes),
            )

    def put(self, assignment: Assignment) -> Placed:
        """Give a job its GPUs, until `take_back`."""
        with self._lock:
            names = chosen(assignment.spec, self._jobs(), unfit=self._why_not(), parts=self._parts)
            placed = self._placed(assignment, names)
            self._held[assignment.run, assignment.attempt] = placed
        return placed

    def of(self, assignment: Assignment) -> Placed:
        """Where a job was put."""
        with self._lock:
            return self._held[assignment.run, assignment.attempt]

    def take_back(self, assignment: Assignment, ending: FinishRequest | None) -> str:
        """Its GPUs are free again; a sentence where one of them has failed under it, so that they get no other job."""
        with self._lock:
            placed = self._held.pop((assignment.run, assignment.attempt), None)
            if placed is None or ending is None or ending.cause != Cause.DEVICE.value:
                return ""
            self._broken |= dict.fromkeys(placed.gpus, ending.error or "It failed.")
        return f"{', '.join(placed.gpus) or 'The GPU'} gets no other job until this worker is started anew."

    def notice(self, unfit: Mapping[str, str]) -> dict[str, str]:
        """Which GPUs cannot be used at present, and why; what is new in that, with "" for one that can be again."""
        with self._lock:
            before = self._why_not()
            self._unfit = dict(unfit)
            now = self._why_not()
        news = {name: why for name, why in now.items() if name not in before}
        return news | {name: "" for name in before if name not in now}

    def unfit(self) -> dict[str, str]:
        """Which GPUs get no job, and why."""
        with self._lock:
            return self._why_not()

    def in_use(self) -> set[str]:
        """The GPUs with a job."""
        with self._lock:
            return {name for name, jobs in self._jobs().items() if jobs}

    def _jobs(self) -> dict[str, int]:
        jobs = dict.fromkeys(self._gpus, 0)
        for placed in self._held.values():
            for name in placed.gpus:
                jobs[name] += self._sharing.jobs_per_gpu if len(placed.gpus) > 1 else 1
        return jobs

    def _why_not(self) -> dict[str, str]:
        return self._unfit | self._broken

    def _placed(self, assignment: Assignment, names: Sequence[str]) -> Placed:
        gpus = [self._gpus[name] for name in names]
        if not gpus:
            if self._gpus and gpus_wanted(assignment.spec) == 0:
                return Placed(assignment=_on(assignment, "cpu"), variables={VISIBLE_DEVICES: ""})
            return Placed(assignment=assignment, variables={})
        is_whole, sharing = len(gpus) > 1, self._sharing
        fraction = sharing.memory_fraction if is_whole else sharing.fraction(gpus[0].memory_bytes)
        variables = {GPU_MEMORY_FRACTION: "" if fraction is None else f"{fraction:.6f}"}
        uuids = [gpu.uuid for gpu in gpus if gpu.uuid is not None]
        if len(uuids) < len(gpus):  # it cannot be told apart for CUDA but by its number
            return Placed(assignment=_on(assignment, names[0]), variables=variables, gpus=names)
        variables[VISIBLE_DEVICES] = ",".join(uuids)
        return Placed(assignment=_on(assignment, "cuda"), variables=variables, gpus=names)


def job_environment(slots: int) -> dict[str, str]:
    """Environment variables of a job: without the server's token, and with its share of the processor."""
    secret = (TOKEN, TOKEN_FILE)
    environment = {name: value for name, value in os.environ.items() if name not in secret}
    environment["PYTHONUNBUFFERED"] = "1"  # what it printed before it was killed is in its log
    if slots > 1:
        share = max((os.cpu_count() or 1) // slots, 1)
        environment.setdefault("OMP_NUM_THREADS", str(share))
    return environment


def _on(assignment: Assignment, device: str) -> Assignment:
    return assignment.model_copy(update={"spec": assignment.spec.model_copy(update={"device": device})})
