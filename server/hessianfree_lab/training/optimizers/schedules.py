"""How learning rates go during a job: functions of its progress alone, so that nothing has to be kept."""

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from hessianfree_lab.errors import Fault
from hessianfree_lab.records import Budget
from hessianfree_lab.training.params import Params
from hessianfree_lab.training.progress import Progress

WARMUP_FROM = 0.01  # of the learning rate: from 0 the first gradient would be for nothing

SETTABLE = ("lr", "lr_schedule", "lr_warmup", "lr_end", "lr_drops", "lr_steps")


class ScheduledParams(Params):
    """A learning rate, and how it goes.

    With s the share of the schedule that is over and w that of the warm-up, the rate is lr (0.01 + 0.99 s / w) while
    s < w, and lr f((s - w) / (1 - w)) from there on, where f falls from 1 to `lr_end`.
    """

    lr: float = Field(1e-3, gt=0, le=1e6, description="Learning rate.")
    lr_schedule: Literal["constant", "cosine", "linear", "exponential", "step"] = Field(
        "constant",
        description=(
            "How the learning rate falls: not at all; along half a cosine; along a line; by a constant factor; or by "
            "that factor in a few drops."
        ),
    )
    lr_warmup: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the schedule in which the learning rate first rises, along a line.",
    )
    lr_end: float = Field(0.01, gt=0, le=1, description="Where it falls to, as a share of the learning rate.")
    lr_drops: int = Field(
        2, ge=1, le=1_000, description="Drops of the schedule by steps, at equal distances."
    )
    lr_steps: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description=(
            "Steps that schedules take, a momentum's too; empty: the budget, in steps or seconds (whose schedules no "
            "two runs share to the bit)."
        ),
    )

    @property
    def changes_with_time(self) -> bool:
        """Whether any option is scheduled."""
        return self.lr_schedule != "constant" or self.lr_warmup > 0

    def faults(self, budget: Budget, path: str) -> Sequence[Fault]:
        has_no_end = budget.steps is None and budget.seconds is None
        if not (self.changes_with_time and self.lr_steps is None and has_no_end):
            return []
        text = f"{path}.lr_steps is empty: a schedule needs a number there, or a budget of steps or seconds."
        return [Fault(f"{path}.lr_steps", text)]

    def rate(self, progress: Progress) -> float:
        """The learning rate of the step that begins there."""
        over, warmup = progress.share(self.lr_steps), self.lr_warmup
        if over < warmup:
            return self.lr * (WARMUP_FROM + (1 - WARMUP_FROM) * over / warmup)
        return self.lr * self._fallen((over - warmup) / (1 - warmup))

    def _fallen(self, over: float) -> float:
        """What is left of the rate after such a share of its fall."""
        end = self.lr_end
        match self.lr_schedule:
            case "cosine":
                return end + (1 - end) * (1 + math.cos(math.pi * over)) / 2
            case "linear":
                return 1 - (1 - end) * over
            case "exponential":
                return float(end**over)
            case "step":
                # A share that is a hair below a drop, by rounding, is meant to be there.
                dropped = min(self.lr_drops, math.floor(over * (self.lr_drops + 1) + 1e-9))
                return float(end ** (dropped / self.lr_drops))
        return 1.0
