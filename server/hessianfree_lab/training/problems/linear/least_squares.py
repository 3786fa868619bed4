"""Linear least squares, whose minimum is known exactly."""

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from hessianfree_lab.training.problems.interface import Problem
from hessianfree_lab.training.problems.known_optimum import SUBOPTIMALITY, TaskWithOptimum
from hessianfree_lab.training.problems.linear.model import (
    LinearParams,
    generated,
    halves,
    linear_task,
    standardized,
)
from hessianfree_lab.training.problems.supervised import Split


class LeastSquaresParams(LinearParams):
    """Which data, how they are conditioned, batches and penalty."""

    dataset: Literal["generated", "diabetes"] = Field(
        "generated",
        description="Generated, or 369 of 442 patients [Efron et al. 2004], ten standardized features each.",
    )
    noise: float = Field(0.1, ge=0, le=1e3, description="Standard deviation of the generated targets' noise.")
    l2: float = Field(
        0.0, ge=0, le=1e3, description="Adds this times half the squared norm of the weights to the loss."
    )


class HalfMeanSquare(nn.Module):
    """Half the squared error, mean over cases."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return 0.5 * (outputs - targets).square().mean()


def data_of(params: LeastSquaresParams, generator: torch.Generator) -> Split:
    if params.dataset == "diabetes":
        # scikit-learn is slow to import, and only a few problems need it.
        from sklearn.datasets import load_diabetes

        features, targets = (torch.from_numpy(part) for part in load_diabetes(return_X_y=True))
        return halves(standardized(features), standardized(targets[:, None]))
    training, rest = generated(params, generator)
    weights = torch.randn(params.features, 1, generator=generator, dtype=torch.float64)
    noise = params.noise * torch.randn(2, params.cases, 1, generator=generator, dtype=torch.float64)
    return Split(
        inputs=training,
        targets=training @ weights + noise[0],
        held_out_inputs=rest,
        held_out_targets=rest @ weights + noise[1],
    )


def minimum(features: Tensor, targets: Tensor, l2: float) -> float:
    """The lowest loss; the penalty is so many cases more."""
    ridge = math.sqrt(l2 * len(features)) * torch.eye(features.shape[1], dtype=features.dtype)
    rows, wanted = torch.cat([features, ridge]), torch.cat([targets, torch.zeros(len(ridge), 1).to(targets)])
    solution = torch.linalg.lstsq(rows, wanted, driver="gelsd").solution
    return 0.5 * float((rows @ solution - wanted).square().sum()) / len(features)


def build(params: LeastSquaresParams, seed: int, device: torch.device, dtype: torch.dtype) -> TaskWithOptimum:
    data = data_of(params, torch.Generator().manual_seed(seed))
    return linear_task(
        data,
        loss_function=HalfMeanSquare(),
        error=None,
        optimum=minimum(data.inputs, data.targets, params.l2),
        l2=params.l2,
        batch_size=params.batch_size,
        seed=seed,
        device=device,
        dtype=dtype,
    )


LEAST_SQUARES = Problem(
    name="least-squares",
    title="Least squares",
    description=(
        "A linear model with one output, of generated data of a chosen condition number or of the diabetes table: a "
        "quadratic, where what separates methods is conditioning alone. The minimum is computed exactly."
    ),
    params=LeastSquaresParams,
    metrics={
        "loss": "half the squared error, mean over cases, and the L2 penalty",
        "eval_loss": "half the squared error, mean over held-out cases",
        "suboptimality": SUBOPTIMALITY,
    },
    build=build,
)
