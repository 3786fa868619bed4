"""What goes over the wire and into the store, as frozen pydantic models; docs/wire.md shows them in use."""

from hessianfree_lab.records.attempts import AttemptInfo
from hessianfree_lab.records.batches import IngestBatch, IngestReply
from hessianfree_lab.records.controls import Applied, Control, SetRequest
from hessianfree_lab.records.jobs import Budget, JobSpec, Recording, Resources
from hessianfree_lab.records.runs import (
    Extremes,
    FinishRequest,
    Page,
    Progress,
    Run,
    RunChanges,
    RunSummary,
    ScriptRun,
)
from hessianfree_lab.records.scalars import Number, Scalar, decode, encode
from hessianfree_lab.records.steps import (
    CGTrace,
    KeptIterate,
    Landscape,
    LogLine,
    SlicePoint,
    Spectrum,
    StepRecord,
    Trial,
)
from hessianfree_lab.records.workers import (
    Announcement,
    Assignment,
    Command,
    Device,
    Heartbeat,
    HeartbeatReply,
    HeldRun,
    OptimizerInfo,
    ProblemInfo,
    Worker,
    WorkerIdentity,
)

__all__ = [
    "Announcement",
    "Applied",
    "Assignment",
    "AttemptInfo",
    "Budget",
    "CGTrace",
    "Command",
    "Control",
    "Device",
    "Extremes",
    "FinishRequest",
    "Heartbeat",
    "HeartbeatReply",
    "HeldRun",
    "IngestBatch",
    "IngestReply",
    "JobSpec",
    "KeptIterate",
    "Landscape",
    "LogLine",
    "Number",
    "OptimizerInfo",
    "Page",
    "ProblemInfo",
    "Progress",
    "Recording",
    "Resources",
    "Run",
    "RunChanges",
    "RunSummary",
    "Scalar",
    "ScriptRun",
    "SetRequest",
    "SlicePoint",
    "Spectrum",
    "StepRecord",
    "Trial",
    "Worker",
    "WorkerIdentity",
    "decode",
    "encode",
]
