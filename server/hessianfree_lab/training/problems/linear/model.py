"""Linear models with one output: data of a chosen condition, tables of known ones, and the task."""

import math
from collections.abc import Callable

import torch
from pydantic import Field
from torch import Tensor, nn

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.known_optimum import TaskWithOptimum
from hessianfree_lab.training.problems.supervised import Split

HELD_OUT_EVERY = 6  # of the rows of a table


class LinearParams(Params):
    """Which data, how they are conditioned, batches and penalty."""

    cases: int = Field(1_000, ge=10, le=100_000, description="Training cases, of generated data.")
    features: int = Field(50, ge=1, le=2_000, description="Of a case, of generated data; no more than cases.")
    condition_number: float = Field(
        1e4,
        ge=1,
        le=1e10,
        description="Of generated features: the largest eigenvalue of X'X / cases, which is 1, over the smallest.",
    )
    batch_size: int | None = Field(None, ge=1, le=100_000, description="Cases a step; empty: all of them.")


def generated(params: LinearParams, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Features [N, D] of training cases and as many held-out ones, float64; X'X / N of the former is as asked for.

    Its eigenvalues are even in logarithm, its eigenvectors random; that of the held-out ones is the same on average.
    """
    n, d = params.cases, params.features
    if d > n:
        path = "problem_params.features"
        raise InvalidRequest([Fault(path, f"{path} = {d}: must be <= problem_params.cases = {n}.")])
    basis, _ = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64))
    scales = torch.logspace(0, -0.5 * math.log10(params.condition_number), d, dtype=torch.float64)
    training, _ = torch.linalg.qr(torch.randn(n, d, generator=generator, dtype=torch.float64))
    rest = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return math.sqrt(n) * training * scales @ basis.T, rest * scales @ basis.T


def standardized(table: Tensor) -> Tensor:
    """Every column of [N, D] with mean 0 and variance 1."""
    return (table - table.mean(0)) / table.std(0, correction=0)


def halves(features: Tensor, targets: Tensor) -> Split:
    """Every sixth row held out."""
    is_held_out = torch.arange(len(features)) % HELD_OUT_EVERY == 0
    return Split(
        inputs=features[~is_held_out],
        targets=targets[~is_held_out],
        held_out_inputs=features[is_held_out],
        held_out_targets=targets[is_held_out],
    )


def linear_task(
    data: Split,
    *,
    loss_function: nn.Module,
    error: Callable[[Tensor, Tensor], Tensor] | None,
    optimum: float,
    l2: float,
    batch_size: int | None,
    seed: int,
    device: torch.device,
    dtype: torch.dtype,
) -> TaskWithOptimum:
    """One output, no bias, weights zero at first; `data` are float64, targets [N, 1]."""
    model = nn.Linear(data.inputs.shape[1], 1, bias=False, dtype=torch.float64)
    nn.init.zeros_(model.weight)
    return TaskWithOptimum(
        model=model.to(device, dtype),
        loss_function=loss_function,
        error=error,
        data=data.placed(device, dtype),
        exact=(data.inputs, data.targets),
        optimum=optimum,
        batch_size=batch_size,
        l2=l2,
        seed=seed,
    )
