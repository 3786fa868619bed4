"""The table of runs: groups, what can be asked for, small curves, actions on many, saved views."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from hessianfree_lab.records.jobs import Tag
from hessianfree_lab.records.scalars import Number, Scalar, Wire
from hessianfree_lab.records.steps import Moment

MOST_ACTED_ON = 10_000
"""Runs that one action may be about."""


class Spread(Wire):
    """One number over the runs of a group that have it, finite."""

    count: int
    mean: Number | None = None
    std: Number | None = Field(None, description="Of the sample: over one less; one run has none.")
    min: Number | None = None
    max: Number | None = None


class RunGroup(Wire):
    """The runs that share a value; `filter` names them."""

    key: Scalar
    filter: str
    count: int
    values: dict[str, Spread]


class RunGroups(Wire):
    """Groups in order; `total` counts them all."""

    items: list[RunGroup]
    total: int


class FieldInfo(Wire):
    """A name that filters, orders and columns know."""

    name: str
    kind: str
    help: str = ""


class RunFields(Wire):
    """What can be asked of runs: `metrics` and `settings` are those of the youngest runs."""

    columns: list[FieldInfo]
    metrics: list[FieldInfo]
    settings: list[FieldInfo]
    problems: list[str]
    optimizers: list[str]
    tags: list[str]


class Sparkline(Wire):
    """A metric of a run in a few points; null: not measured there."""

    run: str
    steps: list[int]
    values: list[Number | None]


class Sparklines(Wire):
    metric: str
    items: list[Sparkline]


Action = Literal[
    "tag", "untag", "archive", "unarchive", "pin", "unpin", "cancel", "pause", "resume", "retry", "delete"
]


class ActionRequest(Wire):
    """Body of POST /runs/actions: on these `runs`, or on all that pass the other keys, which are those of GET /runs."""

    action: Action
    tags: list[Tag] = Field(default_factory=list, max_length=32, description="Of `tag` and `untag`.")
    runs: Annotated[list[str], Field(min_length=1, max_length=MOST_ACTED_ON)] | None = None
    filter: str | None = None
    q: str | None = Field(None, max_length=200)
    state: str | None = None
    problem: str | None = None
    optimizer: str | None = None
    tag: str | None = None
    archived: Literal["false", "true", "all"] | None = None
    expected: int | None = Field(
        None, ge=0, description="How many runs whoever asks has seen pass; another number is refused."
    )

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        chosen: tuple[Any, ...] = (self.filter, self.q, self.state, self.problem, self.optimizer, self.tag)
        by_filter = any(part is not None for part in (*chosen, self.archived))
        if (self.runs is None) is not by_filter:
            raise ValueError('give either runs, or which ones: filter, state ... (archived: "false" for all)')
        if self.action in ("tag", "untag") and not self.tags:
            raise ValueError(f"the action {self.action} needs tags")
        return self


class Refusal(Wire):
    """A run that an action could not be done to, and why."""

    run: str
    reason: str


class ActionOutcome(Wire):
    done: int
    refused: list[Refusal]


class NewView(Wire):
    """Body of POST /views: a name, and the query of the table's address without its "?"."""

    name: str = Field(min_length=1, max_length=200)
    query: str = Field(max_length=8_000)


class View(NewView):
    """A saved view of the table."""

    id: str
    created_at: Moment
    created_by: str | None = Field(None, description="The token's name; null: the server asks for none.")
