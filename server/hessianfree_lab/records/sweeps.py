"""A sweep as its user writes it, and as the API shows it and its trials."""

import math
import zlib
from typing import Annotated, Any, Literal

from pydantic import Field

from hessianfree_lab.records.jobs import JobSpec
from hessianfree_lab.records.metrics import MetricName
from hessianfree_lab.records.scalars import Number, Wire
from hessianfree_lab.records.spaces import MAX_DIMENSIONS, OPTIMIZER, Dimension, Params
from hessianfree_lab.records.steps import Moment

MAX_RUNS = 10_000


class Pruning(Wire):
    """Successive halving: of the trials that have come to a rung only the best `1 / factor` go on beyond it.

    The rungs are at `after`, `after * factor`, `after * factor ** 2` and so on, up to the budget of a run.
    """

    after: float = Field(gt=0, le=10_000_000, allow_inf_nan=False, description="Where the first rung is.")
    factor: int = Field(
        3, ge=2, le=100, description="One of so many goes on; the next rung is so much later."
    )
    of: Literal["steps", "seconds"] = Field(
        "steps", description="What `after` counts: seconds of training time."
    )

    def rung(self, number: int) -> float:
        """Where the rung of this number, from 0, is."""
        return self.after * float(self.factor) ** number


class Search(Wire):
    """Which configurations are tried."""

    method: Literal["grid", "random", "tpe"] = Field(
        "tpe",
        description="Every combination; drawn at random; or drawn near the best so far (Parzen estimator).",
    )
    trials: int | None = Field(
        None, ge=1, le=MAX_RUNS, description="How many; a grid has as many as it has without."
    )
    space: dict[str, Dimension] = Field(
        min_length=1,
        max_length=MAX_DIMENSIONS,
        description="By dotted path of the job: optimizer_params.damping.",
    )
    pruning: Pruning | None = Field(None, description="Ends trials early that are not among the best.")
    startup_trials: int = Field(
        10,
        ge=1,
        le=MAX_RUNS,
        description="Of tpe: how many are drawn at random before it has something to go by.",
    )
    seed: int | None = Field(
        None,
        ge=0,
        lt=2**31,
        description="Of the sampler; none: made of the problem, the optimizers and what is searched.",
    )


class Objective(Wire):
    """What is to become small, or large."""

    metric: MetricName = "loss"
    goal: Literal["minimize", "maximize"] = "minimize"
    at: Literal["last", "best"] = Field("last", description="The metric's last value, or its best.")
    target: float | None = Field(
        None, allow_inf_nan=False, description="The sweep stops once a trial is this good."
    )

    @property
    def worst(self) -> float:
        """What counts as infinitely bad."""
        return math.inf if self.goal == "minimize" else -math.inf

    def is_reached_by(self, value: float) -> bool:
        """Whether a trial of this value is as good as was wanted."""
        if self.target is None:
            return False
        return value <= self.target if self.goal == "minimize" else value >= self.target


class SweepSpec(Wire):
    """A sweep: a job with some of its settings left open."""

    name: str | None = Field(None, min_length=1, max_length=150)
    base: JobSpec
    search: Search
    objective: Objective = Objective()
    seeds: list[Annotated[int, Field(ge=0, lt=2**31)]] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Each configuration is run with each of them, and counts by its median; none: the base's.",
    )
    optimizers: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="Where the optimizer is searched: what of each one's settings is not.",
    )
    parallel: int | None = Field(
        None,
        ge=1,
        le=MAX_RUNS,
        description="Trials in the queue or under way at a time; none: 4 for tpe, else all.",
    )

    @property
    def all_seeds(self) -> list[int]:
        return self.seeds if self.seeds is not None else [self.base.seed]

    @property
    def tried_optimizers(self) -> list[str]:
        """The names of those that trials are trained with."""
        dimension = self.search.space.get(OPTIMIZER)
        if dimension is None or dimension.choices is None:
            return [self.base.optimizer]
        return [str(choice) for choice in dimension.choices]

    @property
    def sampler_seed(self) -> int:
        """The seed that was given, or one that sweeps of other settings do not have: they are not to draw alike."""
        if self.search.seed is not None:
            return self.search.seed
        searched = [self.base.problem, *self.tried_optimizers, *sorted(self.search.space)]
        return zlib.crc32("\n".join(searched).encode()) % 2**31

    @property
    def title(self) -> str:
        """Its name, or what is trained with what."""
        return self.name or f"{', '.join(self.tried_optimizers)} on {self.base.problem}"[:150]


TrialState = Literal["queued", "running", "completed", "pruned", "failed", "cancelled"]
TRIAL_STATES: tuple[TrialState, ...] = ("queued", "running", "completed", "pruned", "failed", "cancelled")


class TrialRun(Wire):
    """One run of a trial."""

    id: str
    name: str
    seed: int
    state: str
    cause: str | None = None
    value: Number | None = Field(None, description="The objective so far.")
    step: int = 0
    seconds: Number = 0.0


class Reached(Wire):
    """What a trial was worth at a rung of its sweep's pruning."""

    at: float = Field(description="Steps, or seconds of training time.")
    value: Number | None = Field(
        description="Median of the objective so far over its runs; none: nothing was measured until then."
    )


class Trial(Wire):
    """One configuration, run with every seed.

    Runs that were cancelled or deleted do not count; `cancelled`: there are no others. `completed`: all have ended,
    more than half of them with a value; `failed`: all have ended, but without that. `pruned`: it was ended early, not
    being among the best at a rung.
    """

    number: int = Field(description="From 0, in the order in which they were asked for.")
    params: Params
    state: TrialState
    value: Number | None = Field(
        None, description="Median of the objective over its runs; only of completed ones."
    )
    is_uninformative: bool = Field(
        False, description="It failed for reasons that say nothing about its parameters: its worker was lost."
    )
    runs: list[TrialRun]
    rungs: list[Reached] = Field(
        default_factory=list, description="Those at which it was judged, the last one last."
    )
    seconds: Number = Field(0.0, description="Training time of all its runs.")
    ended_at: Moment | None = None


class BestTrial(Wire):
    """The best completed trial so far."""

    number: int
    params: Params
    value: Number
    run: str = Field(description="Of its runs, the one whose value is nearest to the trial's.")


class Standing(Wire):
    """What a sweep has come to: its trials by state, and the best of them."""

    trials: dict[TrialState, int]
    best: BestTrial | None = None


class Sweep(Wire):
    """A sweep as it stands."""

    id: str
    name: str
    state: Literal["running", "completed", "cancelled", "failed"]
    error: str | None = Field(None, description="Of `failed`: why no more trials could be made.")
    spec: SweepSpec
    created_at: Moment
    ended_at: Moment | None = None
    total: int = Field(description="Trials there will be, unless it is stopped.")
    trials: dict[str, int] = Field(description="How many there are, by state.")
    best: BestTrial | None = None
    reached_target: bool = False
