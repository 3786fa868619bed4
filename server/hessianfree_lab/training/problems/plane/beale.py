"""Beale's function [Beale 1958]."""

from collections.abc import Sequence

from pydantic import Field
from torch import Tensor

from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.plane.function import PlaneFunction, plane_problem


class BealeParams(Params):
    """Where to start."""

    x: float = Field(1.0, ge=-10, le=10, description="First coordinate of the start.")
    y: float = Field(1.0, ge=-10, le=10, description="Second coordinate of the start.")


def residuals(x: Tensor, y: Tensor) -> Sequence[Tensor]:
    return 1.5 - x + x * y, 2.25 - x + x * y**2, 2.625 - x + x * y**3


BEALE = plane_problem(
    PlaneFunction(residuals=residuals, x_range=(-1.0, 4.5), y_range=(-2.0, 2.0), minima=((3.0, 0.5),)),
    name="beale",
    title="Beale's function",
    description=(
        "f(x, y) = (1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²: plateaus with steep rims at the corners. "
        "Minimum 0 at (3, 0.5)."
    ),
    params=BealeParams,
)
