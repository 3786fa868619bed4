"""Muon: orthogonalized momentum for the matrices of hidden layers."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import torch
from pydantic import Field
from torch import nn

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.training.optimizers import schedules
from hessianfree_lab.training.optimizers.first_order import FirstOrderDriver, Options
from hessianfree_lab.training.optimizers.interface import Optimizer
from hessianfree_lab.training.optimizers.schedules import ScheduledParams
from hessianfree_lab.training.problems.interface import Task
from hessianfree_lab.training.progress import Progress


class MuonParams(ScheduledParams):
    """Options of `torch.optim.Muon`, and of the AdamW beside it."""

    momentum: float = Field(0.95, ge=0, lt=1, description="Momentum factor.")
    nesterov: bool = Field(True, description="Nesterov's momentum.")
    weight_decay: float = Field(0.1, ge=0, le=1e3, description="Decoupled weight decay, of all parameters.")
    ns_steps: int = Field(5, ge=1, le=99, description="Newton-Schulz iterations of the orthogonalization.")
    adjust_lr_fn: Literal["original", "match_rms_adamw"] = Field(
        "match_rms_adamw",
        description=(
            "How a matrix's shape scales its learning rate: so that updates are as large as AdamW's, and one learning "
            "rate does for both [Liu et al. 2025], or as at first."
        ),
    )
    adamw_lr_share: float = Field(
        1.0, gt=0, le=1e6, description="Learning rate of AdamW, in multiples of the other."
    )
    adamw_beta1: float = Field(0.9, ge=0, lt=1, description="AdamW's decay of the mean of gradients.")
    adamw_beta2: float = Field(
        0.999, ge=0, lt=1, description="AdamW's decay of the mean of squared gradients."
    )
    adamw_eps: float = Field(1e-8, gt=0, le=1, description="Added to AdamW's denominator.")


def hidden_matrices(model: nn.Module) -> list[nn.Parameter]:
    """The 2-D parameters but those of embeddings and of the last layer [Jordan et al. 2024].

    Its authors leave the first layer of a network to AdamW, too. Where that is dense, it is Muon's here.
    """
    matrices = [
        parameter
        for module in model.modules()
        if not isinstance(module, nn.Embedding)
        for parameter in module.parameters(recurse=False)
        if parameter.ndim == 2
    ]
    last = matrices[-1:]
    # A matrix that an embedding shares with another layer is the embedding's.
    embedded = [m.weight for m in model.modules() if isinstance(m, nn.Embedding)]
    outside = {id(parameter) for parameter in (*last, *embedded)}
    found = {id(parameter): parameter for parameter in matrices if id(parameter) not in outside}
    return list(found.values())


def _make(task: Task, options: Sequence[Options]) -> list[torch.optim.Optimizer]:
    matrices = hidden_matrices(task.batch.model) if task.batch else []
    if not matrices:
        message = (
            "optimizer = 'muon' needs a problem with a network of two or more layers, embeddings apart: it is for "
            "the matrices of hidden layers, and this one has none. Take adamw."
        )
        raise InvalidRequest([Fault("optimizer", message)])
    chosen = {id(parameter) for parameter in matrices}
    others = [parameter for parameter in task.parameters if id(parameter) not in chosen]
    return [torch.optim.Muon(matrices, **options[0]), torch.optim.AdamW(others, **options[1])]


def _options(params: MuonParams, progress: Progress) -> list[dict[str, Any]]:
    lr, decay = params.rate(progress), {"weight_decay": params.weight_decay}
    muon = params.model_dump(include={"momentum", "nesterov", "ns_steps", "adjust_lr_fn"})
    betas = params.adamw_beta1, params.adamw_beta2
    adamw = {"lr": params.adamw_lr_share * lr, "betas": betas, "eps": params.adamw_eps}
    return [muon | decay | {"lr": lr}, adamw | decay]


MUON = Optimizer(
    name="muon",
    title="Muon",
    description=(
        "Momentum whose matrices are made orthogonal, for the weights of hidden layers; AdamW for biases, embeddings, "
        "convolutions and the last layer."
    ),
    params=MuonParams,
    build=partial(FirstOrderDriver, _make, _options),
    settable=(
        *schedules.SETTABLE,
        "momentum",
        "weight_decay",
        "adamw_lr_share",
        "adamw_beta1",
        "adamw_beta2",
        "adamw_eps",
    ),
)
