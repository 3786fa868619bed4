"""How several runs are to be shown together."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hessianfree_lab.figures.comparing.bands import Middle, Spread
from hessianfree_lab.figures.comparing.baselines import Relation
from hessianfree_lab.figures.comparing.lines import Line


@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs that have something in common, by their ids; `colour` as that of a run."""

    name: str
    colour: int
    runs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`lines`: the metric of each run of a group, and of the baseline, smoothed where that was asked for.

    `groups`: drawn in place of their runs. `baseline`: the id of the run that the others are seen from.
    """

    lines: Mapping[str, Line] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    middle: Middle = "mean"
    spread: Spread = "quantiles"
    baseline: str | None = None
    relation: Relation = "difference"
    points: int = 1000
