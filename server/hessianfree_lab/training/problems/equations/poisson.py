"""Poisson's equation in one dimension, solved by a physics-informed network."""

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

GRID = 501  # points where the solution is compared


class PoissonParams(PhysicsInformedParams):
    """The solution's frequency, the network, and where it is held to the equation."""

    frequency: int = Field(2, ge=1, le=50, description="Half waves of the solution, sin(frequency pi x).")


def equation(params: PoissonParams) -> Equation:
    """-u'' = f on (0, 1), u(0) = u(1) = 0, with the f whose solution is sin(k pi x); divided by (k pi)², f's size."""
    k = params.frequency * math.pi

    def residual(points: Tensor, jet: Jet) -> Tensor:
        return jet.bend / k**2 + torch.sin(k * points[:, 0])

    n = params.points
    points = (torch.arange(n, dtype=torch.float64) + 0.5) / n  # middles of as many intervals
    ends = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    grid = torch.linspace(0, 1, GRID, dtype=torch.float64)
    return Equation(
        residual=residual,
        points=points[:, None],
        boundary=ends,
        boundary_values=torch.zeros(2, dtype=torch.float64),
        grid=grid[:, None],
        solution=torch.sin(k * grid),
    )


def build(params: PoissonParams, seed: int, device: torch.device, dtype: torch.dtype) -> PhysicsInformedTask:
    return PhysicsInformedTask(equation(params), params, seed, device, dtype)


POISSON = Problem(
    name="poisson-pinn",
    title="Poisson's equation by a network",
    description=(
        "A physics-informed network solves -u'' = f on an interval by least squares: badly conditioned by the second "
        "derivatives, where first-order methods stall and Newton-CG gets digits "
        "[Raissi, Perdikaris & Karniadakis 2019; Rathore et al. 2024]."
    ),
    params=PoissonParams,
    metrics=METRICS,
    build=build,
)
