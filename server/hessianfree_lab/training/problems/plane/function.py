"""Functions of two parameters, written as sums of squares, with their path and landscape."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hessianfree_lab.records import Landscape
from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.interface import Batch, Problem, set_parameters

GRID_POINTS = 121  # along each side of a landscape
MARGIN = 0.1  # of the landscape's side, beyond a start that lies outside it

PATH_METRICS = {"x": "first parameter, before the step", "y": "second parameter, before the step"}


@dataclass(frozen=True, kw_only=True)
class PlaneFunction:
    """`f(x, y) = sum of residuals squared`, so that the Gauss-Newton matrix has a meaning: 2 J'J.

    `residuals` maps two tensors of one shape to tensors of that shape; the ranges are what a landscape shows.
    """

    residuals: Callable[[Tensor, Tensor], Sequence[Tensor]]
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    minima: tuple[tuple[float, float], ...]

    def landscape(self, start: tuple[float, float]) -> Landscape:
        """Values on a grid that includes the start."""
        x = torch.linspace(*_stretched(self.x_range, start[0]), GRID_POINTS, dtype=torch.float64)
        y = torch.linspace(*_stretched(self.y_range, start[1]), GRID_POINTS, dtype=torch.float64)
        rows, columns = torch.meshgrid(y, x, indexing="ij")
        z = torch.stack(list(self.residuals(columns, rows))).square().sum(dim=0)
        return Landscape(
            x=_short(x), y=_short(y), z=[_short(row) for row in z], minima=[tuple(m) for m in self.minima]
        )


class PlaneTask:
    """A plane function from a starting point on."""

    is_stochastic = False
    batch: Batch | None = None

    def __init__(
        self, function: PlaneFunction, start: tuple[float, float], device: torch.device, dtype: torch.dtype
    ) -> None:
        self.parameters = [nn.Parameter(torch.tensor(start, device=device, dtype=dtype))]
        self._function = function
        self._start = start

    def next_batch(self) -> None:
        """The function is the same at every step."""

    def forward(self) -> tuple[Tensor, Tensor]:
        x, y = self.parameters[0]
        residuals = torch.stack(list(self._function.residuals(x, y)))
        return residuals.square().sum(), residuals

    def evaluate(self) -> dict[str, float]:
        return {}

    def state(self) -> dict[str, Any]:
        return {"parameters": list(self.parameters)}

    def restore(self, state: Mapping[str, Any]) -> None:
        set_parameters(self.parameters, state["parameters"])

    def position(self) -> dict[str, float]:
        x, y = self.parameters[0].tolist()
        return {"x": x, "y": y}

    def landscape(self) -> Landscape | None:
        return self._function.landscape(self._start)


def plane_problem(
    function: PlaneFunction, *, name: str, title: str, description: str, params: type[Params]
) -> Problem:
    """A problem whose `params` are the start, `x` and `y`."""

    def build(start: Params, seed: int, device: torch.device, dtype: torch.dtype) -> PlaneTask:  # noqa: ARG001
        values = start.model_dump()
        return PlaneTask(function, (values["x"], values["y"]), device, dtype)

    return Problem(
        name=name, title=title, description=description, params=params, metrics=PATH_METRICS, build=build
    )


def _stretched(bounds: tuple[float, float], start: float) -> tuple[float, float]:
    low, high = min(bounds[0], start), max(bounds[1], start)
    margin = MARGIN * (high - low)
    return (low - margin if low < bounds[0] else low), (high + margin if high > bounds[1] else high)


def _short(values: Tensor) -> list[float]:
    """Six digits are more than a contour shows, and half the bytes."""
    return [float(f"{value:.6g}") for value in values.tolist()]
