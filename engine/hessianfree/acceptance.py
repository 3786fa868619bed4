"""Whether the step that the search chose is taken."""

import math
from dataclasses import dataclass, replace

from hessianfree.records import Memory


@dataclass(frozen=True)
class AcceptAny:
    """Take what the search chose, whatever its loss; as the earlier implementation does."""

    def objection(self, loss: float, loss_after: float) -> str | None:
        del loss, loss_after
        return None

    def after_rejection(self, before: Memory, after: Memory) -> Memory:
        del before
        return after


@dataclass(frozen=True, kw_only=True)
class RejectWorse:
    """Refuse a step whose loss is higher than before, or not finite, and damp the next one more.

    After any step that was not taken the damping is at least `grow` times what it was, and at least `least` (a factor
    alone cannot raise 0), whatever the damping policy says; and CG starts from zero, so that what led astray is not
    where the next solve begins. The next step therefore differs, also with ConstantDamping.
    """

    grow: float = 3 / 2
    least: float = 1e-3

    def __post_init__(self) -> None:
        if not self.grow > 1:
            raise ValueError(f"grow must be above 1; got {self.grow}")
        if not self.least > 0:
            raise ValueError(f"least must be above 0; got {self.least}")

    def objection(self, loss: float, loss_after: float) -> str | None:
        if math.isnan(loss):
            return "the loss is not a number where the step starts"
        if not math.isfinite(loss_after):
            return "the loss after the step would not be finite"
        if loss_after > loss:
            return f"the loss would be worse by {loss_after - loss:.6g}"
        return None

    def after_rejection(self, before: Memory, after: Memory) -> Memory:
        dampings = tuple(
            max(old * self.grow, self.least, new)
            for old, new in zip(before.dampings, after.dampings, strict=True)
        )
        return replace(after, dampings=dampings, start=None)
