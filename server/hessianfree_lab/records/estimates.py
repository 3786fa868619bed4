"""The queue as it is shown: places in it, how long each will last, and moves."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from hessianfree_lab.records.jobs import JobSpec
from hessianfree_lab.records.runs import Run
from hessianfree_lab.records.scalars import Number, Wire
from hessianfree_lab.records.sweeps import SweepSpec


class Estimate(Wire):
    """When a waiting job is likely to begin. A guess; `sentence` says how good a one."""

    ahead: int = Field(description="Jobs before it that wait for the same workers.")
    workers: int = Field(description="Workers here that can train it.")
    starts_in_seconds: Number | None = Field(
        description="0: at once. None: it cannot be told, or no worker can."
    )
    is_least: bool = Field(False, description="It starts then at the earliest.")
    sentence: str


class Place(Wire):
    """A queued job where it stands; the first is number 1."""

    position: int
    run: Run
    estimate: Estimate


class Queue(Wire):
    """Part of the queue, in the order of claims."""

    items: list[Place]
    waiting: int = Field(description="Queued jobs in all.")


class Move(Wire):
    """Body of POST /jobs/{id}/move: where to. One of the three."""

    before: str | None = Field(None, description="Id of a queued job.")
    after: str | None = Field(None, description="Id of a queued job.")
    to: Literal["first", "last"] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if sum(value is not None for value in (self.before, self.after, self.to)) != 1:
            raise ValueError("one of before, after and to is needed")
        return self


class Check(Wire):
    """Answer to POST /check: what a job, or a sweep, that nobody has queued would be."""

    spec: JobSpec = Field(description="The job; of a sweep its base.")
    sweep: SweepSpec | None = None
    trials: int | None = Field(None, description="Of a sweep.")
    runs: int = Field(1, description="Jobs it makes.")
    differs: dict[str, Any] = Field(
        description="What differs from the defaults; problem and optimizer always."
    )
    yaml: str = Field(description="`differs` as YAML.")
    has_comments: bool = Field(False, description="The text sent has comments, which `yaml` has not.")
    estimate: Estimate = Field(description="Of the job; of a sweep's first one.")
