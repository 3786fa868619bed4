"""Workers: what they announce, hold and are told."""

from typing import Any, Literal

from pydantic import Field

from hessianfree_lab.records.controls import Control
from hessianfree_lab.records.jobs import JobSpec
from hessianfree_lab.records.scalars import Attempt, Wire
from hessianfree_lab.records.steps import Moment


class Device(Wire):
    """A device a worker can train on."""

    name: str = Field(description='"cpu", or a GPU by its number among those of the worker: "cuda:0".')
    title: str = Field("", description="The product's name.")
    memory_bytes: int | None = None
    uuid: str | None = Field(
        None, description='Of a GPU or a MIG instance, as its driver names it: "GPU-...", "MIG-...".'
    )

    @property
    def is_gpu(self) -> bool:
        return self.name.startswith("cuda")


class DeviceLoad(Wire):
    """What a device is busy with, by all who use it."""

    device: str = Field(max_length=20, description='As announced: "cpu", "cuda:0".')
    memory_used_bytes: int | None = Field(None, ge=0)
    memory_total_bytes: int | None = Field(None, ge=0)
    utilisation: float | None = Field(None, ge=0, le=1, description="Share of the time it was busy, of late.")
    temperature_celsius: float | None = None
    power_watts: float | None = Field(None, ge=0)
    power_limit_watts: float | None = Field(None, ge=0, description="As much as it may draw.")
    note: str = Field(
        "", max_length=500, description="Why no job is claimed for it at present; empty: one may be."
    )


class Supply(Wire):
    """Of an option that chooses data: the choices whose data are there."""

    there: list[str] = Field(description="Values of the option.")
    missing: dict[str, str] = Field(
        default_factory=dict, description="Of other values: what is to be put where, in a sentence."
    )


class ProblemInfo(Wire):
    """A problem a worker can train."""

    name: str = Field(max_length=100)
    title: str
    description: str
    params_schema: dict[str, Any] = Field(description="JSON Schema of `problem_params`, with defaults.")
    metrics: dict[str, str] = Field(default_factory=dict, description="Metric -> what it is, with its unit.")
    missing: str = Field(
        "",
        max_length=2000,
        description="What it lacks on this worker, in a sentence; empty: it can be trained.",
    )
    divisible: bool = Field(False, description="Whether several processes can share the cases of a step.")
    supplies: dict[str, Supply] = Field(
        default_factory=dict,
        description="By option of `problem_params` that chooses data: for which choices this worker has them.",
    )


class OptimizerInfo(Wire):
    """An optimizer a worker can train with."""

    name: str = Field(max_length=100)
    title: str
    description: str
    params_schema: dict[str, Any] = Field(description="JSON Schema of `optimizer_params`, with defaults.")
    settable: list[str] = Field(
        default_factory=list, description="Which of `optimizer_params` a running job can be given anew."
    )
    divides: bool = Field(False, description="Whether several processes can take a step together.")


class Capacity(Wire):
    """Body of PUT /workers/{id}/capacity: what of an announcement may change while the worker is there."""

    slots: int = Field(ge=1, le=10_000, description="Jobs at a time.")
    devices: list[Device]


class Announcement(Wire):
    """Body of POST /workers."""

    name: str = Field(min_length=1, max_length=200)
    host: str = Field(max_length=200)
    pid: int = Field(ge=0, le=2**31 - 1)
    slots: int = Field(1, ge=1, le=10_000, description="Jobs at a time.")
    devices: list[Device] = Field(default_factory=list)
    problems: list[ProblemInfo] = Field(default_factory=list)
    optimizers: list[OptimizerInfo] = Field(default_factory=list)
    versions: dict[str, str] = Field(default_factory=dict)


class WorkerIdentity(Wire):
    """Answer to a registration."""

    id: str
    heartbeat_seconds: float
    lease_seconds: float


class Worker(Wire):
    """A worker as the API shows it."""

    id: str
    name: str
    host: str
    pid: int
    state: Literal["idle", "busy", "gone"]
    slots: int
    devices: list[Device]
    problems: list[str]
    supplies: dict[str, dict[str, list[str]]] = Field(
        default_factory=dict,
        description="By problem and option that chooses data: the choices whose data are there.",
    )
    optimizers: list[str]
    versions: dict[str, str]
    runs: list[str] = Field(description="Ids of the runs it holds.")
    load: list[DeviceLoad] = Field(default_factory=list, description="As of its last heartbeat.")
    registered_at: Moment
    last_seen_at: Moment


class Offer(Wire):
    """Which GPUs a worker has room on at this moment; of others, that it announced, it gets no job."""

    room: list[str] = Field(max_length=64, description="Names of those on which one more job may train.")
    whole: int = Field(
        ge=0, description="How many of them no job trains on: so many a job may have for itself."
    )
    most: int = Field(
        ge=0, description="As `whole`, once the jobs of this worker have ended: what it is worth waiting for."
    )


class Assignment(Wire):
    """Answer to a claim: one attempt at one job."""

    run: str
    name: str
    attempt: int
    spec: JobSpec
    since_attempt: int = Field(1, description="Checkpoints of attempts before this one are not to be used.")
    outdated_after: dict[int, int] = Field(
        default_factory=dict,
        description="By attempt, the step after which its checkpoints do not count: a later one went on from there.",
    )
    last_step: int = Field(0, description="The server has every step up to this one; 0: none.")
    controls: list[Control] = Field(
        default_factory=list,
        description="Every `set` asked of the run: those done with their step, those still to be done without.",
    )


class HeldRun(Wire):
    """An attempt that the worker believes it holds."""

    run: str
    attempt: Attempt


class Heartbeat(Wire):
    """Body of POST /workers/{id}/heartbeat, a long poll: answered at once when there is a command."""

    runs: list[HeldRun] = Field(default_factory=list)
    load: list[DeviceLoad] = Field(default_factory=list, max_length=64)
    wait_seconds: float = Field(0.0, ge=0, le=30)


class Command(Wire):
    """What a worker is to do with an attempt it holds. `drop`: it is no longer the worker's; kill, report nothing.

    `set`, `pause` and `resume` are controls of the run, repeated until the job says that it has done them.
    """

    run: str
    attempt: int
    kind: Literal["cancel", "drop", "set", "pause", "resume"]
    number: int | None = Field(None, description="Of a control.")
    settings: dict[str, Any] = Field(default_factory=dict, description="Of a `set`.")


class HeartbeatReply(Wire):
    """Answer to a heartbeat."""

    commands: list[Command] = Field(default_factory=list)
