"""Hessian-free optimization with the settings that measured best."""

from collections.abc import Collection
from dataclasses import replace
from functools import partial

from pydantic import Field
from torch import nn

from hessianfree.augmented import AugmentedConjugateGradient
from hessianfree.cg import ConjugateGradient
from hessianfree.method import Method
from hessianfree.optimizer import HessianFree
from hessianfree.recommended import first_damping, recommended_method
from hessianfree.stopping import Deadline
from hessianfree_lab.training.clock import Clock
from hessianfree_lab.training.optimizers.hessian_free import EngineDriver, shares_of
from hessianfree_lab.training.optimizers.interface import Optimizer
from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.interface import Task


class RecommendedParams(Params):
    """What is left to choose of `HessianFree.recommended`."""

    damping: float | None = Field(
        None,
        gt=0,
        le=1e12,
        description="Initial damping; empty: 0.1, or 1 for functions of the parameters alone.",
    )
    cg_max_iter: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        title="CG iterations at most",
        description="Most CG iterations a step; empty: 10, or 250 for functions of the parameters alone.",
    )
    lr: float = Field(1.0, gt=0, le=1e6, description="Scale of the step; where the line search starts.")
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Adds this times half the squared norm of the parameters to the loss, also to the one reported.",
    )
    judge_share: float = Field(
        4.0,
        ge=1,
        le=1_000,
        title="Cases that judge a step",
        description=(
            "Cases that a step on a mini-batch is judged by for the damping, in multiples of the batch size; 1: its "
            "own, which a step may suit alone."
        ),
    )
    batch_growth: float = Field(
        1.0,
        ge=1,
        le=10,
        description="Factor from each mini-batch to the next, the first having the problem's batch size.",
    )
    verbose: bool = Field(False, description="Print a line a step into the run's log.")


class RecommendedDriver(EngineDriver):
    """`HessianFree.recommended`, with the options of `RecommendedParams`."""

    def __init__(self, params: RecommendedParams, task: Task, clock: Clock) -> None:
        model = task.batch.model if task.batch else None
        settings = params.model_dump(include={"damping", "weight_decay", "verbose"})
        optimizer = HessianFree.recommended(task.parameters, model, **settings)
        self._model = model
        method = partial(_method, model, Deadline(seconds_left=clock.left))
        super().__init__(optimizer, task, clock, method, shares_of(params, task))
        self.change(params, {"lr"})

    def change(self, params: RecommendedParams, names: Collection[str]) -> None:
        if params.damping is None:
            params = params.model_copy(update={"damping": first_damping(self._model)})
        super().change(params, names)


def _method(model: nn.Module | None, deadline: Deadline, params: RecommendedParams) -> Method:
    method = recommended_method(model)
    solver = method.solver
    if isinstance(solver, AugmentedConjugateGradient):
        return replace(method, solver=replace(solver, solver=_limited(solver.solver, params, deadline)))
    assert isinstance(solver, ConjugateGradient)
    return replace(method, solver=_limited(solver, params, deadline))


def _limited(cg: ConjugateGradient, params: RecommendedParams, deadline: Deadline) -> ConjugateGradient:
    max_iter = cg.max_iter if params.cg_max_iter is None else params.cg_max_iter
    return replace(cg, max_iter=max_iter, stopping=(*cg.stopping, deadline))


RECOMMENDED = Optimizer(
    name="hessianfree-recommended",
    title="Hessian-free, recommended",
    description=(
        "The settings that measured best: few CG iterations a step, preconditioned by Kronecker factors and carried on "
        "from step to step."
    ),
    params=RecommendedParams,
    build=RecommendedDriver,
    settable=("damping", "cg_max_iter", "lr", "weight_decay"),
    divides=True,
)
