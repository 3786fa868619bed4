"""What the last step came to, as far as it decides about the next."""

import math
from dataclasses import dataclass

from hessianfree_lab.training.optimizers import Taken


@dataclass(frozen=True, kw_only=True)
class Last:
    """What decides, after a step, whether there is another."""

    loss: float | None = None
    bad: tuple[str, float] | None = None  # name and value of a loss that is not finite
    is_evaluated_as_last: bool = False


def not_finite(taken: Taken) -> tuple[str, float] | None:
    """The name and value of a loss that is not finite."""
    for name in ("loss", "loss_after"):
        value = taken.metrics.get(name)
        if isinstance(value, float) and not math.isfinite(value):
            return name, value
    return None
