"""Gradient descent with momentum."""

from functools import partial
from typing import Any, Literal, Self

import torch
from pydantic import Field, model_validator

from hessianfree.warm_start import MomentumSchedule
from hessianfree_lab.training.optimizers import schedules
from hessianfree_lab.training.optimizers.first_order import FirstOrderDriver, on_all
from hessianfree_lab.training.optimizers.interface import Optimizer
from hessianfree_lab.training.optimizers.schedules import ScheduledParams
from hessianfree_lab.training.progress import Progress


class SGDParams(ScheduledParams):
    """Options of `torch.optim.SGD`, and how its momentum goes."""

    momentum: float = Field(0.0, ge=0, lt=1, description="Momentum factor; where it grows, the largest.")
    momentum_schedule: Literal["constant", "growing"] = Field(
        "constant",
        description=(
            "Constant, or growing: 1 - 1 / (2 (step // period + 1)), at most the momentum [Sutskever et al. 2013, 3]."
        ),
    )
    momentum_period: int = Field(250, ge=1, le=10_000_000, description="That period, in steps.")
    momentum_at_end: float | None = Field(
        None, ge=0, lt=1, description="Momentum at the end of the schedule; empty: as before."
    )
    momentum_end_share: float = Field(
        0.05, gt=0, lt=1, description="Share of the schedule that has the momentum at the end."
    )
    dampening: float = Field(0.0, ge=0, le=1, description="Dampening of the momentum.")
    weight_decay: float = Field(0.0, ge=0, le=1e3, description="L2 penalty.")
    nesterov: bool = Field(False, description="Nesterov's momentum; needs momentum, and no dampening.")

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> Self:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError("nesterov needs a momentum above 0 and a dampening of 0")
        return self

    @property
    def changes_with_time(self) -> bool:
        return super().changes_with_time or self.momentum_at_end is not None

    def momentum_of(self, progress: Progress) -> float:
        """The momentum of the step that begins there."""
        is_end = progress.share(self.lr_steps) >= 1 - self.momentum_end_share
        if self.momentum_at_end is not None and is_end:
            return self.momentum_at_end
        if self.momentum_schedule == "growing":
            return MomentumSchedule(most=self.momentum, period=self.momentum_period)(progress.steps)
        return self.momentum


def _options(params: SGDParams, progress: Progress) -> list[dict[str, Any]]:
    options = params.model_dump(include={"dampening", "weight_decay", "nesterov"})
    return [options | {"lr": params.rate(progress), "momentum": params.momentum_of(progress)}]


SGD = Optimizer(
    name="sgd",
    title="SGD",
    description="Gradient descent (stochastic with a batch size), with momentum if wanted.",
    params=SGDParams,
    build=partial(FirstOrderDriver, on_all(torch.optim.SGD), _options),
    settable=(
        *schedules.SETTABLE,
        "momentum",
        "momentum_schedule",
        "momentum_period",
        "momentum_at_end",
        "momentum_end_share",
        "dampening",
        "weight_decay",
    ),
)
