"""What CG does where the curvature along its direction is not positive: the model has no minimum there."""

from dataclasses import dataclass
from warnings import warn

import torch
from torch import Tensor


@dataclass(frozen=True)
class WarnAndGoOn:
    """Go to where the slope along the direction is zero, a maximum there, and warn; as the earlier implementation."""

    def __call__(
        self, x: Tensor, p: Tensor, descent: Tensor, curvature: Tensor, iteration: int
    ) -> tuple[Tensor, Tensor]:
        del x, p, iteration
        return descent / curvature, curvature <= 0

    def end(self, curvature: float, iteration: int) -> str | None:
        warn(
            f"Directional curvature pAp = {curvature:.3e} <= 0 detected in cg-iteration {iteration}. "
            "The matrix is not positive definite; a larger damping makes it so.",
            stacklevel=3,
        )
        return None


@dataclass(frozen=True)
class StopThere:
    """End with what there is: the iterate so far, or in iteration 1 a step along the direction itself.

    As [Nocedal & Wright 2006, Algorithm 7.1], whose first step is the negative gradient. That has the wrong scale for
    most losses: here its length is that of the minimum if the curvature had the other sign. The search shortens or
    takes it; a solve that starts from zero goes downhill.
    """

    def __call__(
        self, x: Tensor, p: Tensor, descent: Tensor, curvature: Tensor, iteration: int
    ) -> tuple[Tensor, Tensor]:
        del x, p
        amiss = curvature <= 0
        length = descent / torch.where(curvature == 0, descent, curvature.abs())
        return (length if iteration == 1 else torch.where(amiss, torch.zeros_like(length), length)), amiss

    def end(self, curvature: float, iteration: int) -> str | None:
        del curvature, iteration
        return "Negative curvature"
