"""A run as the API shows it."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field

from hessianfree_lab.records.jobs import Tag
from hessianfree_lab.records.scalars import LARGEST_STEP, Attempt, Number, Wire
from hessianfree_lab.records.steps import Moment

PALETTE = 32
"""Colours of runs: eight in four dashes. Runs get them in turn, so that those of one sweep can be told apart."""


class Extremes(Wire):
    """A metric over a whole run. Extremes are over finite values; None: there was none."""

    first: Number | None = None
    last: Number | None = None
    min: Number | None = None
    max: Number | None = None
    best_step: int | None = Field(None, description="The first step at which `min` was seen.")


RunSummary = dict[str, Extremes]


class Progress(Wire):
    """How far a run is; `steps` is its budget, None where time or loss ends it."""

    step: int = 0
    steps: int | None = None
    seconds: Number = 0.0
    eta_seconds: Number | None = None


class Run(Wire):
    """A job and its record, or the record of a user's own script. A job and its run share one id."""

    id: str
    kind: Literal["job", "script"] = "job"
    name: str
    state: str
    cause: str | None = None
    spec: dict[str, Any]
    attempt: int = Field(description="0: never started.")
    max_attempts: int
    priority: int = 0
    created_at: Moment
    started_at: Moment | None = None
    ended_at: Moment | None = None
    progress: Progress
    summary: RunSummary
    environment: dict[str, Any] = Field(default_factory=dict)
    error: str | None = None
    worker: str | None = Field(None, description="Id of the worker of the latest attempt.")
    sweep: str | None = None
    tags: list[str] = Field(default_factory=list)
    notes: str = ""
    archived: bool = False
    pinned: bool = False
    colour: int = Field(
        0,
        description="Its colour in figures: eight colours, then the same eight with other dashes, up to 31.",
    )
    stop_requested: bool = Field(False, description="A cancel is on its way to the worker.")
    pause_requested: bool = Field(
        False,
        description="Its user wants it held back. `running`: about to pause; `paused` without it: about to go on.",
    )
    controls_version: int = Field(
        0, description="Grows with whatever is asked of the job, is done or is refused."
    )
    stale: bool = Field(
        False, description="Running, but silent for longer than its lease. Shown, never stored."
    )


class RunChanges(Wire):
    """Body of PATCH /runs/{id}; what is not given stays."""

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    tags: Annotated[list[Tag], Field(max_length=32)] | None = None
    notes: Annotated[str, Field(max_length=20_000)] | None = None
    archived: bool | None = None
    pinned: bool | None = None


class ScriptRun(Wire):
    """Body of POST /runs: a run that one's own script records."""

    name: str = Field(min_length=1, max_length=200)
    problem: str = Field("script", min_length=1, max_length=100)
    optimizer: str = Field("script", min_length=1, max_length=100)
    config: dict[str, Any] = Field(default_factory=dict)
    steps: int | None = Field(
        None, ge=1, le=LARGEST_STEP, description="Planned number of steps, for the progress bar."
    )
    tags: list[Tag] = Field(default_factory=list, max_length=32)
    notes: str = Field("", max_length=20_000)
    started_at: Moment | None = Field(None, description="When it began, if that is told later; none: now.")


class FinishRequest(Wire):
    """Body of POST /runs/{id}/finish: how an attempt ended."""

    attempt: Attempt = 1
    state: Literal["completed", "failed", "cancelled", "interrupted"]
    cause: (
        Literal["error", "diverged", "out_of_memory", "killed", "device", "storage", "lost", "invalid"] | None
    ) = Field(None, description="Of a failed attempt; of an interrupted one `killed` or `device`.")
    error: str | None = Field(
        None, max_length=20_000, description="One sentence, then the traceback if there is one."
    )
    ended_at: Moment | None = Field(
        None, description="When a script's run ended, if that is told later; none: now."
    )


Item = TypeVar("Item")


class Page(Wire, Generic[Item]):
    """One page of a list; pass `next_cursor` back as `cursor` for the next; None: this is the last."""

    items: list[Item]
    next_cursor: str | None = None


class RunPage(Page[Run]):
    """Runs, and how many pass the filters in all."""

    total: int = 0
