"""Himmelblau's function [Himmelblau 1972]."""

from collections.abc import Sequence

from pydantic import Field
from torch import Tensor

from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.plane.function import PlaneFunction, plane_problem


class HimmelblauParams(Params):
    """Where to start; the four minima share the plane."""

    x: float = Field(0.0, ge=-100, le=100, description="First coordinate of the start.")
    y: float = Field(0.0, ge=-100, le=100, description="Second coordinate of the start.")


def residuals(x: Tensor, y: Tensor) -> Sequence[Tensor]:
    return x**2 + y - 11, x + y**2 - 7


MINIMA = ((3.0, 2.0), (-2.805118, 3.131313), (-3.779310, -3.283186), (3.584428, -1.848127))

HIMMELBLAU = plane_problem(
    PlaneFunction(residuals=residuals, x_range=(-5.0, 5.0), y_range=(-5.0, 5.0), minima=MINIMA),
    name="himmelblau",
    title="Himmelblau's function",
    description="f(x, y) = (x² + y − 11)² + (x + y² − 7)²: four minima of value 0; the start decides which is found.",
    params=HimmelblauParams,
)
