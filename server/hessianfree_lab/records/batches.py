"""Records on their way to the server, and its answer."""

from typing import Any

from pydantic import Field

from hessianfree_lab.records.controls import Applied
from hessianfree_lab.records.scalars import Attempt, Wire
from hessianfree_lab.records.steps import CGTrace, Landscape, LogLine, Spectrum, StepRecord


class IngestBatch(Wire):
    """Body of POST /runs/{id}/records. Sending a batch twice changes nothing."""

    attempt: Attempt = 1
    steps: list[StepRecord] = Field(default_factory=list, max_length=5_000)
    cg: list[CGTrace] = Field(default_factory=list, max_length=1_000)
    spectra: list[Spectrum] = Field(default_factory=list, max_length=1_000)
    logs: list[LogLine] = Field(default_factory=list, max_length=5_000)
    environment: dict[str, Any] | None = Field(
        None, description="Versions, host, device; sent once an attempt."
    )
    landscape: Landscape | None = None
    resumed_from: int | None = Field(
        None, ge=0, le=2**53, description="The step of the checkpoint this attempt began from."
    )
    applied: list[Applied] = Field(
        default_factory=list, max_length=1_000, description="Controls that have taken effect, or failed to."
    )


class IngestReply(Wire):
    """Acknowledges a batch after its commit."""

    last_step: int = Field(description="Highest step the store holds for this run; 0: none.")
    commands: list[str] = Field(default_factory=list, description='What the run should do now: "cancel".')
