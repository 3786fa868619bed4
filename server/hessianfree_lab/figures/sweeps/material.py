"""What the figures of a sweep are drawn from, and how its parameters stand on an axis."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hessianfree_lab.figures.axes import metric_title
from hessianfree_lab.records.spaces import Choice, Dimension, key_of
from hessianfree_lab.records.sweeps import SweepSpec, Trial

if TYPE_CHECKING:
    import plotly.graph_objects as go

_BEST_SHARE = 0.1


@dataclass(frozen=True, kw_only=True)
class Study:
    """A sweep's specification and its trials; the parameters that a figure of one or two of them shows."""

    spec: SweepSpec
    trials: Sequence[Trial]
    importances: Mapping[str, float] = field(default_factory=dict)
    param: str | None = None
    x: str | None = None
    y: str | None = None

    @property
    def completed(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.value is not None]

    @property
    def failed(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.state == "failed"]

    @property
    def pruned(self) -> list[Trial]:
        """Those of which it is known what they were worth when they were ended."""
        return [
            trial for trial in self.trials if trial.state == "pruned" and worth_when_pruned(trial) is not None
        ]

    def having(self, *names: str) -> "Study":
        """The study of the trials that have all these parameters."""
        of_both = [trial for trial in self.trials if all(name in trial.params for name in names)]
        return replace(self, trials=of_both)

    @property
    def is_minimized(self) -> bool:
        return self.spec.objective.goal == "minimize"

    @property
    def value_title(self) -> str:
        """Title of an axis of values."""
        objective = self.spec.objective
        which = {"last": "last", "best": "least" if self.is_minimized else "greatest"}[objective.at]
        median = ", median of seeds" if len(self.spec.all_seeds) > 1 else ""
        return f"{metric_title(objective.metric)} ({which}{median})"

    @property
    def has_log_values(self) -> bool:
        """Whether values read best on a logarithmic axis: above 0, and over more than a decade."""
        values = [trial.value or 0.0 for trial in self.completed]
        return bool(values) and min(values) > 0 and max(values) > 10 * min(values)

    def ranked(self) -> list[Trial]:
        """The completed trials, the best first."""
        sign = 1 if self.is_minimized else -1
        return sorted(self.completed, key=lambda trial: (sign * (trial.value or 0.0), trial.number))

    def best_tenth(self) -> list[Trial]:
        """The best tenth of the completed trials, at least one."""
        ranked = self.ranked()
        return ranked[: max(1, round(len(ranked) * _BEST_SHARE))]

    def dimension(self, path: str) -> Dimension:
        return self.spec.search.space[path]


@dataclass(frozen=True, kw_only=True)
class SweepKind:
    """A figure of a sweep; as `figures.material.Kind`, but drawn from trials."""

    name: str
    title: str
    reading: str
    draw: "Callable[[Study], go.Figure]"
    metrics: tuple[str, ...] = ()
    either_scale: bool = False


def worth_when_pruned(trial: Trial) -> float | None:
    """What a trial that was pruned was worth at its last rung; None: nothing finite was measured."""
    value = trial.rungs[-1].value if trial.rungs else None
    return value if value is not None and math.isfinite(value) else None


def short(path: str, among: Collection[str]) -> str:
    """A parameter's name without where it stands; the whole path where two of `among` would be called the same."""
    name = path.split(".")[-1]
    return path if sum(other.split(".")[-1] == name for other in among) > 1 else name


def counted(number: int) -> str:
    """A count in a sentence: 10 000."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def places_of(choices: Sequence[Choice]) -> dict[tuple[bool, Choice], int]:
    """Where each choice stands among all, by `key_of`."""
    return {key_of(choice): place for place, choice in enumerate(choices)}


def brief(value: float, digits: int = 3) -> str:
    """A number for a tick: few digits, and a power of ten only where it would be long otherwise."""
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:.12g}" if rounded == 0 or 1e-4 <= abs(rounded) < 1e6 else f"{rounded:.{digits}g}"


def label_of(choice: Any) -> str:
    """A choice as a job file has it."""
    return (
        {True: "true", False: "false"}[choice]
        if isinstance(choice, bool)
        else "null"
        if choice is None
        else str(choice)
    )
