"""Networks that solve a differential equation by least squares [Raissi, Perdikaris & Karniadakis 2019].

The residuals are the outputs, so that the Gauss-Newton matrix is J'J of them. The network's derivatives in its inputs
are carried forward with its values, by operations like any other: no derivative is taken within the loss, which so can
be evaluated without a graph, and differentiated as often as a product needs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from hessianfree_lab.records import Landscape
from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.interface import Batch, set_parameters
from hessianfree_lab.training.problems.networks import glorot

METRICS = {
    "loss": "half the mean squared residual of the equation, and that of its boundary values, weighted",
    "eval_error": "error of the solution, relative: norm of the difference over that of the solution, on a grid",
}


class PhysicsInformedParams(Params):
    """The network, and where it is held to the equation."""

    hidden_size: int = Field(20, ge=1, le=1_000, description="Units of each hidden layer, tanh.")
    hidden_layers: int = Field(3, ge=1, le=20, description="Hidden layers.")
    points: int = Field(200, ge=2, le=100_000, description="Points where the equation should hold.")
    boundary_weight: float = Field(
        10.0, gt=0, le=1e6, description="Of the boundary values' errors, beside the equation's residuals."
    )


@dataclass(frozen=True, kw_only=True)
class Jet:
    """A function at N points: values [N], slopes [N, D], and second derivatives in the last coordinate [N]."""

    value: Tensor
    slope: Tensor
    bend: Tensor


@dataclass(frozen=True, kw_only=True)
class Equation:
    """What a function of D coordinates is to satisfy, and the one that does; all float64.

    `residual(points, jet)` [N] should vanish at `points` [N, D]; at `boundary` [M, D] the values should be
    `boundary_values` [M]. At `grid` [K, D] the solution is known.
    """

    residual: Callable[[Tensor, Jet], Tensor]
    points: Tensor
    boundary: Tensor
    boundary_values: Tensor
    grid: Tensor
    solution: Tensor


class JetNetwork(nn.Module):
    """Layers of tanh and a linear one, with derivatives in the inputs."""

    def __init__(self, coordinates: int, params: PhysicsInformedParams, generator: torch.Generator) -> None:
        super().__init__()
        sizes = [coordinates, *[params.hidden_size] * params.hidden_layers, 1]
        self.layers = nn.ModuleList(
            nn.Linear(size, following, dtype=torch.float64) for size, following in pairwise(sizes)
        )
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            glorot(layer, generator)

    def forward(self, points: Tensor) -> Tensor:
        """[N, D] -> [N]."""
        hidden = points
        for layer in self.layers[:-1]:
            hidden = torch.tanh(layer(hidden))
        outputs: Tensor = self.layers[-1](hidden)
        return outputs.squeeze(1)

    def jet(self, points: Tensor) -> Jet:
        """Values and derivatives at `points` [N, D], in one pass: rows are values, D slopes, second derivatives.

        tanh' = 1 - tanh² and tanh'' = -2 tanh tanh'.
        """
        count, coordinates = points.shape
        units = torch.eye(coordinates, dtype=points.dtype, device=points.device)
        slopes = units[:, None, :].expand(coordinates, count, coordinates)
        rows = torch.cat([points[None], slopes, torch.zeros_like(points)[None]])
        for i, layer in enumerate(self.layers):
            assert isinstance(layer, nn.Linear)
            fed = functional.linear(rows, layer.weight)
            value, slope, bend = fed[0] + layer.bias, fed[1:-1], fed[-1]
            if i + 1 < len(self.layers):
                held = torch.tanh(value)
                steep = 1 - held.square()
                bend = steep * (bend - 2 * held * slope[-1].square())
                value, slope = held, steep * slope
            rows = torch.cat([value[None], slope, bend[None]])
        return Jet(value=rows[0, :, 0], slope=rows[1:-1, :, 0].T, bend=rows[-1, :, 0])


class PhysicsInformedTask:
    """Least squares of an equation's residuals: the loss is half the sum of the squared outputs."""

    is_stochastic = False
    batch: Batch | None = None

    def __init__(
        self,
        equation: Equation,
        params: PhysicsInformedParams,
        seed: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        self._network = JetNetwork(equation.points.shape[1], params, generator).to(device, dtype)
        self.parameters: Sequence[nn.Parameter] = list(self._network.parameters())
        self._residual = equation.residual
        self._points, self._boundary, self._values, self._grid, self._solution = (
            part.to(device, dtype)
            for part in (
                equation.points,
                equation.boundary,
                equation.boundary_values,
                equation.grid,
                equation.solution,
            )
        )
        self._scales = len(self._points) ** -0.5, (params.boundary_weight / len(self._boundary)) ** 0.5

    def next_batch(self) -> None:
        """The points are the same at every step."""

    def forward(self) -> tuple[Tensor, Tensor]:
        inner = self._residual(self._points, self._network.jet(self._points))
        edge = self._network(self._boundary) - self._values
        residuals = torch.cat([self._scales[0] * inner, self._scales[1] * edge])
        return 0.5 * residuals.square().sum(), residuals

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        off = torch.linalg.vector_norm(self._network(self._grid) - self._solution)
        return {"eval_error": (off / torch.linalg.vector_norm(self._solution)).item()}

    def state(self) -> dict[str, Any]:
        return {"parameters": list(self.parameters)}

    def restore(self, state: Mapping[str, Any]) -> None:
        set_parameters(self.parameters, state["parameters"])

    def position(self) -> dict[str, float]:
        return {}

    def landscape(self) -> Landscape | None:
        return None
