"""Rosenbrock's banana valley [Rosenbrock 1960]."""

from collections.abc import Sequence

from pydantic import Field
from torch import Tensor

from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.plane.function import PlaneFunction, plane_problem


class RosenbrockParams(Params):
    """Where to start."""

    x: float = Field(-1.2, ge=-100, le=100, description="First coordinate of the start.")
    y: float = Field(1.0, ge=-100, le=100, description="Second coordinate of the start.")


def residuals(x: Tensor, y: Tensor) -> Sequence[Tensor]:
    return 1 - x, 10 * (y - x**2)


ROSENBROCK = plane_problem(
    PlaneFunction(residuals=residuals, x_range=(-2.0, 2.0), y_range=(-1.0, 3.0), minima=((1.0, 1.0),)),
    name="rosenbrock",
    title="Rosenbrock's function",
    description=(
        "f(x, y) = (1 − x)² + 100 (y − x²)²: a flat, curved valley that gradients cross and curvature follows. "
        "Minimum 0 at (1, 1)."
    ),
    params=RosenbrockParams,
)
