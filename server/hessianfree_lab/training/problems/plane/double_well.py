"""Two wells with a saddle between them."""

from collections.abc import Sequence

from pydantic import Field
from torch import Tensor

from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.plane.function import PlaneFunction, plane_problem


class DoubleWellParams(Params):
    """Where to start; x decides which well is found."""

    x: float = Field(0.01, ge=-10, le=10, description="First coordinate of the start; 0 is on the ridge.")
    y: float = Field(1.0, ge=-10, le=10, description="Second coordinate of the start.")


def residuals(x: Tensor, y: Tensor) -> Sequence[Tensor]:
    return x**2 - 1, y


DOUBLE_WELL = plane_problem(
    PlaneFunction(
        residuals=residuals, x_range=(-1.6, 1.6), y_range=(-1.2, 1.2), minima=((1.0, 0.0), (-1.0, 0.0))
    ),
    name="double-well",
    title="Double well",
    description=(
        "f(x, y) = (x² - 1)² + y²: the start is beside the ridge x = 0, where the Hessian curves downwards and the "
        "Gauss-Newton matrix hardly curves at all. Minima 0 at (1, 0) and (-1, 0), a saddle of 1 at the origin."
    ),
    params=DoubleWellParams,
)
