"""Workers: what they announce, hold and are told."""

from typing import Any, Literal

from pydantic import Field

from hessianfree_lab.records.controls import Control
from hessianfree_lab.records.jobs import JobSpec
from hessianfree_lab.records.scalars import Attempt, Wire
from hessianfree_lab.records.steps import Moment


class Device(Wire):
    """A device a worker can train on."""

    name: str = Field(description='As torch names it: "cpu", "cuda:0".')
    title: str = Field("", description="The product's name.")
    memory_bytes: int | None = None


class ProblemInfo(Wire):
    """A problem a worker can train."""

    name: str = Field(max_length=100)
    title: str
    description: str
    params_schema: dict[str, Any] = Field(description="JSON Schema of `problem_params`, with defaults.")
    metrics: dict[str, str] = Field(default_factory=dict, description="Metric -> what it is, with its unit.")


class OptimizerInfo(Wire):
    """An optimizer a worker can train with."""

    name: str = Field(max_length=100)
    title: str
    description: str
    params_schema: dict[str, Any] = Field(description="JSON Schema of `optimizer_params`, with defaults.")
    settable: list[str] = Field(
        default_factory=list, description="Which of `optimizer_params` a running job can be given anew."
    )


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
    optimizers: list[str]
    versions: dict[str, str]
    runs: list[str] = Field(description="Ids of the runs it holds.")
    registered_at: Moment
    last_seen_at: Moment


class Assignment(Wire):
    """Answer to a claim: one attempt at one job."""

    run: str
    name: str
    attempt: int
    spec: JobSpec
    since_attempt: int = Field(1, description="Checkpoints of attempts before this one are not to be used.")
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
