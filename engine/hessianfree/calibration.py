"""The first damping, from the problem itself."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hessianfree.records import Linearization


@dataclass(frozen=True, kw_only=True)
class RayleighCalibration:
    """Begin with a share of the curvature along the gradient, g'Bg / g'g.

    So the first damping scales with the loss and with the units of the parameters, as the initial value of a
    Levenberg-Marquardt method does with the largest diagonal entry of J'J [Madsen, Nielsen & Tingleff 2004, 3.2], which
    is not at hand here. From there the damping policy goes on. Costs one curvature product, in the first step alone.

    `by_group` takes the quotient of each parameter group's own part of the gradient, for groups in different units:
    a product a group.
    """

    share: float = 1e-2
    by_group: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.share < math.inf:
            raise ValueError(f"share must be above 0 and finite; got {self.share}")

    def dampings(
        self, here: Linearization, given: Sequence[float], members: Sequence[Tensor]
    ) -> tuple[tuple[float, ...], int]:
        """One damping a group, and the products it took.

        `given` are those that the groups were given, which stay where there is no curvature along the gradient.
        `members` [P] are true for a group's own parameters.
        """
        if not self.by_group:
            found = self._damping(here, here.gradient)
            return tuple(found or old for old in given), 1
        parts = [self._damping(here, here.gradient * own) for own in members]
        return tuple(found or old for found, old in zip(parts, given, strict=True)), len(parts)

    def _damping(self, here: Linearization, direction: Tensor) -> float | None:
        quotient = torch.dot(direction, here.curvature(direction)) / torch.dot(direction, direction)
        damping = self.share * quotient.item()
        return damping if 0 < damping < math.inf else None
