"""Logistic regression, whose minimum Newton's method finds to the last digit."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from hessianfree_lab.training.problems.classification import share_wrong
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

MOST_STEPS = 200  # of Newton's method; ten or twenty are usual
EXACT = 1e-18  # Newton decrement: the loss is within half of it from its minimum
ROUNDING = 1e-15  # of a loss of order 1


class LogisticRegressionParams(LinearParams):
    """Which data, how they are conditioned, batches and penalty."""

    dataset: Literal["generated", "breast-cancer"] = Field(
        "generated",
        description="Generated, or 474 of 569 tumours [Street, Wolberg & Mangasarian 1993], 30 standardized features.",
    )
    l2: float = Field(
        1e-4,
        ge=1e-12,
        le=1e3,
        description="Adds this times half the squared norm of the weights to the loss; 0 might leave no minimum.",
    )


def data_of(params: LogisticRegressionParams, generator: torch.Generator) -> Split:
    """Generated labels are 1 with the probability that random weights give them."""
    if params.dataset == "breast-cancer":
        # scikit-learn is slow to import, and only a few problems need it.
        from sklearn.datasets import load_breast_cancer

        features, labels = (torch.from_numpy(part) for part in load_breast_cancer(return_X_y=True))
        intercept = torch.ones(len(features), 1, dtype=torch.float64)
        return halves(torch.cat([standardized(features), intercept], 1), labels[:, None].double())
    training, rest = generated(params, generator)
    weights = torch.randn(params.features, 1, generator=generator, dtype=torch.float64)
    drawn = [
        torch.bernoulli(torch.sigmoid(features @ weights), generator=generator)
        for features in (training, rest)
    ]
    return Split(inputs=training, targets=drawn[0], held_out_inputs=rest, held_out_targets=drawn[1])


def minimum(features: Tensor, labels: Tensor, l2: float) -> float:
    """The lowest loss, by Newton's method with backtracking on the dense Hessian."""
    cases, d = features.shape
    weights = torch.zeros(d, 1, dtype=features.dtype)

    def loss_at(w: Tensor) -> float:
        loss = functional.binary_cross_entropy_with_logits(features @ w, labels)
        return (loss + 0.5 * l2 * w.square().sum()).item()

    for _ in range(MOST_STEPS):
        p = torch.sigmoid(features @ weights)
        gradient = features.T @ (p - labels) / cases + l2 * weights
        hessian = features.T @ (features * p * (1 - p)) / cases + l2 * torch.eye(d, dtype=features.dtype)
        step = torch.linalg.solve(hessian, gradient)
        decrement = (gradient * step).sum().item()
        loss, scale = loss_at(weights), 1.0
        if decrement <= EXACT:
            break
        while loss_at(weights - scale * step) > loss - 0.25 * scale * decrement + ROUNDING:
            scale /= 2
        weights = weights - scale * step
    return loss


def build(
    params: LogisticRegressionParams, seed: int, device: torch.device, dtype: torch.dtype
) -> TaskWithOptimum:
    data = data_of(params, torch.Generator().manual_seed(seed))
    return linear_task(
        data,
        loss_function=nn.BCEWithLogitsLoss(),
        error=share_wrong,
        optimum=minimum(data.inputs, data.targets, params.l2),
        l2=params.l2,
        batch_size=params.batch_size,
        seed=seed,
        device=device,
        dtype=dtype,
    )


LOGISTIC_REGRESSION = Problem(
    name="logistic-regression",
    title="Logistic regression",
    description=(
        "Two classes and a linear model, of generated data of a chosen condition number or of the breast cancer table: "
        "convex, so that every method goes to the same minimum, which is computed beforehand."
    ),
    params=LogisticRegressionParams,
    metrics={
        "loss": "cross-entropy, nats a case, and the L2 penalty (0.693 at first)",
        "eval_loss": "cross-entropy, nats a held-out case",
        "eval_error": "share of held-out cases in the wrong class",
        "suboptimality": SUBOPTIMALITY,
    },
    build=build,
)
