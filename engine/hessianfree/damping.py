"""How the damping follows the trust in the quadratic model."""

import math
from dataclasses import dataclass

from hessianfree.records import Agreement, Promise


@dataclass(frozen=True, kw_only=True)
class LevenbergMarquardt:
    """Raise the damping when the model promised too much, lower it when it kept its word [Martens 2010, 4.1].

    Ratio below `low` (or not a number): damping *= grow; above `high`: damping *= shrink. It stays within `least` and
    `most`. Where every step costs little, it is judged in every `every`-th alone, by factors to the power of `every`
    [Martens & Grosse 2015, 6.5].

    `promise` is what the ratio divides by. With the damping term, as CG has it, the solution of a perfect model has a
    ratio from 1 (no damping) to 2, so that too large a damping is found out; without it the ratio is 1.
    """

    low: float = 0.25
    high: float = 0.75
    grow: float = 3 / 2
    shrink: float = 2 / 3
    least: float = 0.0
    most: float = math.inf
    every: int = 1
    promise: Promise = Promise.DAMPED

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"low must be below high; got low={self.low}, high={self.high}")
        if not (self.grow >= 1 >= self.shrink > 0):
            raise ValueError(f"need grow >= 1 >= shrink > 0; got grow={self.grow}, shrink={self.shrink}")
        if not 0 <= self.least <= self.most:
            raise ValueError(f"need 0 <= least <= most; got least={self.least}, most={self.most}")
        if self.every < 1:
            raise ValueError(f"every must be at least 1; got {self.every}")

    def asks(self, step: int) -> Promise | None:
        return self.promise if (step + 1) % self.every == 0 else None

    def update(self, damping: float, agreement: Agreement) -> float:
        """The damping of the next step. Without a predicted change there is nothing to judge: it stays."""
        if agreement.predicted == 0:
            return damping
        ratio = agreement.ratio
        if math.isnan(ratio) or ratio < self.low:
            damping *= self.grow**self.every
        elif ratio > self.high:
            damping *= self.shrink**self.every
        return min(max(damping, self.least), self.most)


@dataclass(frozen=True, kw_only=True)
class ConstantDamping:
    """Leave the damping as it is."""

    def asks(self, step: int) -> None:
        del step

    def update(self, damping: float, agreement: Agreement) -> float:
        del agreement
        return damping
