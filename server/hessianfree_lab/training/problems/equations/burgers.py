"""Burgers' equation with a little viscosity, solved by a physics-informed network."""

import math

import torch
from pydantic import Field
from torch import Tensor

from hessianfree_lab.training.problems.equations.physics_informed import (
    METRICS,
    Equation,
    Jet,
    PhysicsInformedParams,
    PhysicsInformedTask,
)
from hessianfree_lab.training.problems.interface import Problem

GRID_TIMES, GRID_PLACES = 21, 101  # where the solution is compared
NODES_APART = 0.05  # of the reference's quadrature, in standard deviations of its Gaussian, or nearly
BEYOND = 40.0  # exponents below the largest that make no difference


class BurgersParams(PhysicsInformedParams):
    """Viscosity, the network, and where it is held to the equation."""

    points: int = Field(
        1_000, ge=2, le=100_000, description="Points where the equation should hold, drawn by the seed."
    )
    boundary_points: int = Field(
        100, ge=4, le=100_000, description="Points of the values given: half at the start, half at both ends."
    )
    viscosity: float = Field(
        0.01 / math.pi,
        ge=1e-3,
        le=1,
        description="The less, the steeper the front that arises in the middle.",
    )


def solution(points: Tensor, viscosity: float) -> Tensor:
    """u(t, x) at `points` [N, 2] in float64, by the Cole-Hopf transformation [Basdevant et al. 1986].

    A quotient of two integrals with the same Gaussian, each by the trapezoid rule, which is exact to rounding for such
    functions; their exponents are taken from the largest, since exp of them may be 0 or infinite.
    """
    t, x = points[:, :1], points[:, 1:]
    reach = math.sqrt(1 / (math.pi * viscosity) + BEYOND)
    z = torch.arange(-reach, reach, NODES_APART, dtype=torch.float64)
    y = math.pi * (x - 2 * torch.sqrt(viscosity * t) * z)
    exponents = -torch.cos(y) / (2 * math.pi * viscosity) - z.square()
    weights = torch.exp(exponents - exponents.amax(1, keepdim=True))
    return -(weights * torch.sin(y)).sum(1) / weights.sum(1)


def equation(params: BurgersParams, seed: int) -> Equation:
    """u_t + u u_x = v u_xx for x in [-1, 1], t in [0, 1], u(0, x) = -sin(pi x), u(t, -1) = u(t, 1) = 0."""

    def residual(points: Tensor, jet: Jet) -> Tensor:  # noqa: ARG001 (the equation is the same everywhere)
        return jet.slope[:, 0] + jet.value * jet.slope[:, 1] - params.viscosity * jet.bend

    generator = torch.Generator().manual_seed(seed)
    scale, shift = (torch.tensor(pair, dtype=torch.float64) for pair in ((1.0, 2.0), (0.0, -1.0)))
    points = torch.rand(params.points, 2, generator=generator, dtype=torch.float64) * scale + shift
    at_start = torch.linspace(-1, 1, params.boundary_points // 2, dtype=torch.float64)
    at_ends = torch.linspace(0, 1, params.boundary_points // 4, dtype=torch.float64)
    boundary = torch.cat(
        [
            torch.stack([torch.zeros_like(at_start), at_start], 1),
            *(torch.stack([at_ends, torch.full_like(at_ends, end)], 1) for end in (-1.0, 1.0)),
        ]
    )
    times = torch.linspace(0, 1, GRID_TIMES, dtype=torch.float64)
    grid = torch.cartesian_prod(times, torch.linspace(-1, 1, GRID_PLACES, dtype=torch.float64))
    return Equation(
        residual=residual,
        points=points,
        boundary=boundary,
        boundary_values=torch.where(boundary[:, 0] == 0, -torch.sin(math.pi * boundary[:, 1]), 0.0),
        grid=grid,
        solution=solution(grid, params.viscosity),
    )


def build(params: BurgersParams, seed: int, device: torch.device, dtype: torch.dtype) -> PhysicsInformedTask:
    return PhysicsInformedTask(equation(params, seed), params, seed, device, dtype)


BURGERS = Problem(
    name="burgers-pinn",
    title="Burgers' equation by a network",
    description=(
        "A physics-informed network solves Burgers' equation with viscosity 0.01 / pi by least squares: a smooth wave "
        "steepens to a front [Raissi, Perdikaris & Karniadakis 2019; Rathore et al. 2024]."
    ),
    params=BurgersParams,
    metrics=METRICS,
    build=build,
)
