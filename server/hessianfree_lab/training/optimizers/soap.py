"""SOAP, of the package pytorch-optimizer."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from pydantic import Field

from hessianfree_lab.training.optimizers import schedules
from hessianfree_lab.training.optimizers.first_order import FirstOrderDriver, Options
from hessianfree_lab.training.optimizers.interface import Optimizer
from hessianfree_lab.training.optimizers.schedules import ScheduledParams
from hessianfree_lab.training.problems.interface import Task
from hessianfree_lab.training.progress import Progress


class SOAPParams(ScheduledParams):
    """Options of `pytorch_optimizer.SOAP`."""

    lr: float = Field(3e-3, gt=0, le=1e6, description="Learning rate.")
    beta1: float = Field(0.95, ge=0, lt=1, description="Decay of the mean of gradients.")
    beta2: float = Field(
        0.95, ge=0, lt=1, description="Decay of the mean of squared gradients, and of the statistics."
    )
    eps: float = Field(1e-8, gt=0, le=1, description="Added to the denominator.")
    weight_decay: float = Field(1e-2, ge=0, le=1e3, description="Decoupled weight decay.")
    precondition_frequency: int = Field(
        10, ge=1, le=100_000, description="Steps between two updates of the eigenvectors."
    )
    max_precondition_dim: int = Field(
        10_000, ge=1, le=1_000_000, description="Sides longer than this are left as they are."
    )
    precondition_1d: bool = Field(False, description="Biases have eigenvectors, too.")


def _soap(task: Task, options: Sequence[Options]) -> list[torch.optim.Optimizer]:
    import pytorch_optimizer  # slow, and only its own jobs need it

    return [pytorch_optimizer.SOAP(task.parameters, **options[0])]


def _soap_options(params: SOAPParams, progress: Progress) -> list[dict[str, Any]]:
    matrices = {"precondition_frequency", "max_precondition_dim", "precondition_1d"}
    options = params.model_dump(include={"eps", "weight_decay", *matrices})
    return [options | {"lr": params.rate(progress), "betas": (params.beta1, params.beta2)}]


SOAP = Optimizer(
    name="soap",
    title="SOAP",
    description=(
        "Adam in the eigenvectors of the gradients' second moments on either side of a matrix, which are Shampoo's "
        "[Vyas et al. 2025]. The first step only begins the statistics, and does not move."
    ),
    params=SOAPParams,
    build=partial(FirstOrderDriver, _soap, _soap_options),
    settable=(*schedules.SETTABLE, "beta1", "eps", "weight_decay"),
)
