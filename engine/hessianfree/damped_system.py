"""The linear system of a step: how it is damped and preconditioned, and its solution."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hessianfree.curvature.damped import Damped
from hessianfree.interfaces import BoundedSolver, LinearMap, Objective, Parts
from hessianfree.records import CGSolution, Linearization, Memory, Preconditioning


@dataclass(frozen=True, kw_only=True)
class SolvedSystem:
    """(curvature + damping) x = -gradient, solved.

    `memory` is that of the step with the dampings in force. `products` and `cost` (in gradients) are all that the
    solution took, the making of a preconditioner and a first damping included.
    """

    memory: Memory
    damping: float | Tensor  # in each parameter, a float or [P]
    solution: CGSolution
    bounded: BoundedSolver | None  # the solver, where it has a trust region
    preconditioning: Preconditioning | None  # what the preconditioner part has made
    preconditioned: bool
    products: int
    cost: float


def solved(
    objective: Objective, parts: Parts, memory: Memory, here: Linearization, M: LinearMap | None
) -> SolvedSystem:
    """The system at `here`; `M` preconditions it instead of what the preconditioner part makes."""
    products = 0
    if parts.calibration is not None and memory.steps == 0:
        members = _members(objective, here.gradient, len(memory.dampings))
        dampings, products = parts.calibration.dampings(here, memory.dampings, members)
        memory = replace(memory, dampings=dampings)
    damping = objective.spread(memory.dampings)
    prepared: Preconditioning | None = None
    if M is None and parts.preconditioner is not None:
        prepared = parts.preconditioner(here, damping, memory.preconditioner)
        M = prepared.inverse
        if prepared.damping_units is not None:
            damping = damping * prepared.damping_units
    solver = parts.solver
    bounded = solver if isinstance(solver, BoundedSolver) else None
    if bounded and memory.radius is not None:
        solver = bounded = bounded.within(memory.radius)
    solution = solver.solve(Damped(here.curvature, damping), -here.gradient, memory.start, M)
    products += solution.products + (prepared.products if prepared else 0)
    return SolvedSystem(
        memory=memory,
        damping=damping,
        solution=solution,
        bounded=bounded,
        preconditioning=prepared,
        preconditioned=M is not None,
        products=products,
        cost=products * here.product_cost + (prepared.cost if prepared else 0.0),
    )


def _members(objective: Objective, gradient: Tensor, groups: int) -> list[Tensor]:
    """For each parameter group, where in a [P] vector it is."""
    numbers = objective.spread([float(group) for group in range(groups)])
    return [torch.zeros_like(gradient) + numbers == group for group in range(groups)]
