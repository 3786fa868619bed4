"""How often a solver is the best, and how far behind it else is: performance profiles [Dolan & Moré 2002]."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A solver's share of instances solved within `factors[i]` times the best is `shares[i]`; factors ascend from 1.

    A staircase: between two factors the share is that of the lower one.
    """

    solver: str
    factors: tuple[float, ...]
    shares: tuple[float, ...]

    def within(self, factor: float) -> float:
        """The share of instances solved within `factor` times the best."""
        return max(
            (share for f, share in zip(self.factors, self.shares, strict=True) if f <= factor), default=0.0
        )


def performance_profiles(costs: Mapping[str, Mapping[str, float]]) -> list[Profile]:
    """`costs[solver][instance]`: what it took, infinite where it did not arrive. All solvers have the same instances.

    An instance that nobody solved counts, against all. Solvers in the order given.
    """
    instances = list(next(iter(costs.values()), {}))
    best = {instance: min(of[instance] for of in costs.values()) for instance in instances}
    return [
        _profile(solver, [_ratio(of[name], best[name]) for name in instances]) for solver, of in costs.items()
    ]


def shared_instances(costs: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The instances that every solver has, in the order of the first one's."""
    every = list(costs.values())
    return [name for name in next(iter(every), {}) if all(name in of for of in every)]


def _ratio(cost: float, best: float) -> float:
    if math.isinf(cost):
        return math.inf
    # Nothing at all is the least there is: whoever needs more is infinitely worse, and never within any factor.
    return cost / best if best > 0 else (1.0 if cost == 0 else math.inf)


def _profile(solver: str, ratios: Sequence[float]) -> Profile:
    factors = sorted({1.0, *(ratio for ratio in ratios if math.isfinite(ratio))})
    shares = [sum(ratio <= factor for ratio in ratios) / len(ratios) if ratios else 0.0 for factor in factors]
    return Profile(solver=solver, factors=tuple(factors), shares=tuple(shares))
