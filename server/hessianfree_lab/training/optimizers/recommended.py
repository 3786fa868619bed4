"""Hessian-free optimization with the settings that measured best."""

from pydantic import Field

from hessianfree.optimizer import HessianFree
from hessianfree_lab.training.optimizers.hessian_free import EngineDriver
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
        description=(
            "Cases that a step on a mini-batch is judged by for the damping, in multiples of the batch size; 1: its "
            "own, which a step may suit alone."
        ),
    )
    verbose: bool = Field(False, description="Print a line a step into the run's log.")


def _build(params: RecommendedParams, task: Task) -> EngineDriver:
    model = task.batch.model if task.batch else None
    settings = params.model_dump(exclude={"judge_share"})
    optimizer = HessianFree.recommended(task.parameters, model, **settings)
    return EngineDriver(optimizer, task, params.judge_share)


RECOMMENDED = Optimizer(
    name="hessianfree-recommended",
    title="Hessian-free, recommended",
    description=(
        "The settings that measured best: few CG iterations a step, preconditioned by Kronecker factors and carried on "
        "from step to step."
    ),
    params=RecommendedParams,
    build=_build,
)
