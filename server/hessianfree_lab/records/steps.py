"""What a run sends while it trains."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from hessianfree_lab.records.metrics import Metrics
from hessianfree_lab.records.scalars import LARGEST_STEP, Number, Wire


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC its year is not one of 1 to 9999") from None


Moment = Annotated[datetime, AfterValidator(_in_utc)]
"""A point in time, UTC; RFC 3339 on the wire."""

LINE_LENGTH = 8_192
"""Characters of a log line that are kept."""


class StepRecord(Wire):
    """One optimizer step. `metrics` holds the canonical names of docs/wire.md and any others."""

    step: int = Field(ge=1, le=LARGEST_STEP)
    wall_time: Moment = Field(default_factory=lambda: datetime.now(UTC))
    seconds: Number = Field(0.0, description="Training time so far, evaluation and recording apart.")
    metrics: Metrics = Field(default_factory=dict, max_length=500)

    @model_validator(mode="before")
    @classmethod
    def _gather_metrics(cls, data: Any) -> Any:
        """Metrics may also stand beside `step`, as in an exported line: `{"step": 1, "loss": 0.5}`."""
        if not isinstance(data, dict):
            return data
        loose = {key: data[key] for key in data if key not in cls.model_fields}
        if not loose:
            return data
        own = {key: data[key] for key in data if key in cls.model_fields}
        return own | {"metrics": loose | dict(own.get("metrics") or {})}


class KeptIterate(Wire):
    """A CG iterate kept for backtracking; `loss` is None where backtracking stopped before it."""

    iteration: int
    loss: Number | None = None


class Trial(Wire):
    """One line-search trial."""

    scale: Number
    loss: Number


class SlicePoint(Wire):
    """The loss at a scale of the step, and what the damped model says of it."""

    scale: Number
    loss: Number
    model: Number


class CGTrace(Wire):
    """The inner solve of one step. Lists over iterations start with iteration 0."""

    step: int = Field(ge=1, le=LARGEST_STEP)
    stop: str = ""
    loss: Number | None = Field(None, description="Before the step: where it starts.")
    damping: Number | None = None
    model_values: list[Number] = Field(default_factory=list, description="0.5 x'Ax - b'x")
    residual_norms: list[Number] = Field(default_factory=list)
    alphas: list[Number] = Field(default_factory=list, description="CG step lengths, from iteration 1.")
    betas: list[Number] = Field(
        default_factory=list, description="Conjugation coefficients, from iteration 1."
    )
    kept: list[KeptIterate] = Field(default_factory=list)
    chosen_iteration: int | None = None
    ritz_values: list[Number] = Field(default_factory=list, description="Eigenvalue estimates, ascending.")
    preconditioned: bool = Field(
        False, description="Ritz values are then those of the preconditioned matrix."
    )
    line_search: list[Trial] = Field(default_factory=list)
    slice: list[SlicePoint] = Field(
        default_factory=list, description="The loss along the step, where asked for."
    )


class Spectrum(Wire):
    """The spectrum of the loss before a step: of all eigenvalues a share `weights[i]` is near `nodes[i]`."""

    step: int = Field(ge=1, le=LARGEST_STEP)
    matrix: Literal["hessian", "ggn"] = "hessian"
    dimension: int = Field(ge=1, description="Eigenvalues in all.")
    largest: Number = Field(description="Ritz value; an eigenvalue lies within `largest_error` of it.")
    largest_error: Number
    smallest: Number
    smallest_error: Number
    trace: Number
    trace_error: Number | None = Field(None, description="Standard error over the probes; one has none.")
    nodes: list[Number] = Field(max_length=10_000, description="Ascending.")
    weights: list[Number] = Field(max_length=10_000, description="As many as nodes; they add up to 1.")
    probes: int = Field(ge=1)
    products: int = Field(ge=1, description="Curvature products it took.")

    @model_validator(mode="after")
    def _has_a_weight_a_node(self) -> Self:
        if len(self.nodes) != len(self.weights):
            raise ValueError(f"there are {len(self.nodes)} nodes, but {len(self.weights)} weights")
        return self


def _cut(text: Any) -> Any:
    """What is longer ends in an ellipsis: a job that prints without an end must not keep its record from arriving."""
    if isinstance(text, str) and len(text) > LINE_LENGTH:
        return text[: LINE_LENGTH - 1] + "…"
    return text


class LogLine(Wire):
    """One line a job printed; `number` counts from 0 within an attempt."""

    number: int = Field(ge=0)
    time: Moment = Field(default_factory=lambda: datetime.now(UTC))
    stream: Literal["stdout", "stderr", "worker"] = "stdout"
    text: Annotated[str, BeforeValidator(_cut)] = Field(max_length=LINE_LENGTH)


class Landscape(Wire):
    """Values of a two-parameter objective on a grid, for the contour behind the path: `z[row of y][column of x]`."""

    x: list[Number] = Field(max_length=400)
    y: list[Number] = Field(max_length=400)
    z: list[list[Number]] = Field(max_length=400)
    minima: list[tuple[Number, Number]] = Field(default_factory=list, max_length=20)
