"""A convex quadratic with a chosen condition number: what every method should be able to do."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from hessianfree_lab.records import Landscape
from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.interface import Batch, Problem, set_parameters
from hessianfree_lab.training.problems.plane.function import PATH_METRICS, PlaneFunction


class QuadraticParams(Params):
    """Size and shape."""

    dimension: int = Field(2, ge=2, le=2_000, description="Number of parameters; 2 shows the path.")
    condition_number: float = Field(
        100.0,
        ge=1,
        le=1e12,
        description="Largest eigenvalue, which is 1, over the smallest; even in logarithm.",
    )


class QuadraticTask:
    """`f(w) = w'Aw / 2` from a random start of norm sqrt(dimension). The outputs are w itself, so GGN = Hessian = A."""

    is_stochastic = False
    batch: Batch | None = None

    def __init__(self, params: QuadraticParams, seed: int, device: torch.device, dtype: torch.dtype) -> None:
        n = params.dimension
        generator = torch.Generator().manual_seed(seed)
        basis, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
        eigenvalues = torch.logspace(-math.log10(params.condition_number), 0, n, dtype=torch.float64)
        start = torch.randn(n, generator=generator, dtype=torch.float64)
        start *= math.sqrt(n) / torch.linalg.vector_norm(start)
        self._basis, self._eigenvalues = basis, eigenvalues
        self._matrix = (basis * eigenvalues @ basis.T).to(device, dtype)
        self._start = start
        self.parameters = [nn.Parameter(start.to(device, dtype))]

    def next_batch(self) -> None:
        """The function is the same at every step."""

    def forward(self) -> tuple[Tensor, Tensor]:
        outputs = self.parameters[0] * 1.0  # a node of its own, for products through the outputs
        return 0.5 * outputs @ (self._matrix @ outputs), outputs

    def evaluate(self) -> dict[str, float]:
        return {}

    def state(self) -> dict[str, Any]:
        return {"parameters": list(self.parameters)}

    def restore(self, state: Mapping[str, Any]) -> None:
        set_parameters(self.parameters, state["parameters"])

    def position(self) -> dict[str, float]:
        if len(self._start) != 2:
            return {}
        x, y = self.parameters[0].tolist()
        return {"x": x, "y": y}

    def landscape(self) -> Landscape | None:
        if len(self._start) != 2:
            return None
        scaled = (self._basis * (0.5 * self._eigenvalues).sqrt()).T  # residuals: sum of squares is w'Aw / 2

        def residuals(x: Tensor, y: Tensor) -> list[Tensor]:
            return [row[0] * x + row[1] * y for row in scaled]

        function = PlaneFunction(
            residuals=residuals, x_range=(-1.5, 1.5), y_range=(-1.5, 1.5), minima=((0.0, 0.0),)
        )
        x, y = self._start.tolist()
        return function.landscape((x, y))


QUADRATIC = Problem(
    name="quadratic",
    title="Quadratic",
    description="f(w) = w'Aw / 2 with a seeded random rotation and a chosen condition number. Minimum 0 at the origin.",
    params=QuadraticParams,
    metrics=PATH_METRICS,
    build=QuadraticTask,
)
