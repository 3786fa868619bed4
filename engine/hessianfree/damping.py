"""How the damping follows the trust in the quadratic model."""

import math
from dataclasses import dataclass
from typing import ClassVar

from hessianfree.records import Agreement


@dataclass(frozen=True, kw_only=True)
class LevenbergMarquardt:
    """Raise the damping when the model promised too much, lower it when it kept its word [Martens 2010, 4.1].

    Ratio below `low` (or not a number): damping *= grow; above `high`: damping *= shrink.
    """

    low: float = 0.25
    high: float = 0.75
    grow: float = 3 / 2
    shrink: float = 2 / 3
    needs_agreement: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"low must be below high; got low={self.low}, high={self.high}")
        if not (self.grow >= 1 >= self.shrink > 0):
            raise ValueError(f"need grow >= 1 >= shrink > 0; got grow={self.grow}, shrink={self.shrink}")

    def update(self, damping: float, agreement: Agreement) -> float:
        """The damping of the next step. Without a predicted change there is nothing to judge: it stays."""
        if agreement.predicted == 0:
            return damping
        ratio = agreement.ratio
        if math.isnan(ratio) or ratio < self.low:
            return damping * self.grow
        return damping * self.shrink if ratio > self.high else damping


@dataclass(frozen=True, kw_only=True)
class ConstantDamping:
    """Leave the damping as it is."""

    needs_agreement: ClassVar[bool] = False

    def update(self, damping: float, agreement: Agreement) -> float:
        del agreement
        return damping
