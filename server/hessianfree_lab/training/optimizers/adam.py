"""torch.optim's Adam and AdamW."""

from functools import partial
from typing import Any

import torch
from pydantic import Field

from hessianfree_lab.training.optimizers import schedules
from hessianfree_lab.training.optimizers.first_order import FirstOrderDriver, on_all
from hessianfree_lab.training.optimizers.interface import Optimizer
from hessianfree_lab.training.optimizers.schedules import ScheduledParams
from hessianfree_lab.training.progress import Progress


class AdamParams(ScheduledParams):
    """Options of `torch.optim.Adam`."""

    beta1: float = Field(0.9, ge=0, lt=1, description="Decay of the mean of gradients.")
    beta2: float = Field(0.999, ge=0, lt=1, description="Decay of the mean of squared gradients.")
    eps: float = Field(1e-8, gt=0, le=1, description="Added to the denominator.")
    weight_decay: float = Field(0.0, ge=0, le=1e3, description="L2 penalty.")
    amsgrad: bool = Field(False, description="Use the largest mean of squares seen so far.")


class AdamWParams(AdamParams):
    """Options of `torch.optim.AdamW`."""

    weight_decay: float = Field(1e-2, ge=0, le=1e3, description="Decoupled weight decay.")


# amsgrad would need what it has not seen
_SETTABLE = (*schedules.SETTABLE, "beta1", "beta2", "eps", "weight_decay")


def _options(params: AdamParams, progress: Progress) -> list[dict[str, Any]]:
    options = params.model_dump(include={"eps", "weight_decay", "amsgrad"})
    return [options | {"lr": params.rate(progress), "betas": (params.beta1, params.beta2)}]


ADAM = Optimizer(
    name="adam",
    title="Adam",
    description="Gradient descent with per-parameter step sizes from running moments.",
    params=AdamParams,
    build=partial(FirstOrderDriver, on_all(torch.optim.Adam), _options),
    settable=_SETTABLE,
)
ADAMW = Optimizer(
    name="adamw",
    title="AdamW",
    description="Adam with decoupled weight decay.",
    params=AdamWParams,
    build=partial(FirstOrderDriver, on_all(torch.optim.AdamW), _options),
    settable=_SETTABLE,
)
