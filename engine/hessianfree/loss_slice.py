"""The loss along the step, beside what the quadratic model says of it."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LossSlice:
    """Evaluate the loss at `scales` times the chosen step, in the first step and every `every`-th from there.

    A scale is one of the line search: 1 is the CG iterate itself, bent by each group's share of the largest rate where
    these differ. Costs a loss evaluation a scale; none for 0 and those that were tried anyway. The model's values come
    from CG's numbers; only where groups differ in their rates they cost a linearization and a product (7/3 gradients
    with the Gauss-Newton matrix, 3 with the Hessian).
    """

    scales: tuple[float, ...]
    every: int = 1

    def __post_init__(self) -> None:
        if not self.scales or not all(math.isfinite(scale) for scale in self.scales):
            raise ValueError(f"scales must be finite numbers, at least one; got {self.scales}")
        if self.every < 1:
            raise ValueError(f"every must be at least 1; got {self.every}")

    def scales_in(self, step: int) -> tuple[float, ...]:
        """The scales to evaluate in step number `step`, counted from 0; none where the step is not due."""
        return self.scales if step % self.every == 0 else ()
