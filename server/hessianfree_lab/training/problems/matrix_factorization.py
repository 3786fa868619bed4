"""Two factors of a matrix from its entries [Koren, Bell & Volinsky 2009]."""

import math

import torch
from pydantic import Field
from torch import Tensor, nn

from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.interface import Problem
from hessianfree_lab.training.problems.known_optimum import SUBOPTIMALITY, TaskWithOptimum
from hessianfree_lab.training.problems.linear.least_squares import HalfMeanSquare
from hessianfree_lab.training.problems.supervised import Split

START = 0.1  # standard deviation of the factors' entries at first: near the saddle at zero, not on it


class MatrixFactorizationParams(Params):
    """The matrix, what is seen of it, and the factors."""

    rows: int = Field(100, ge=2, le=2_000, description="Rows of the matrix.")
    columns: int = Field(80, ge=2, le=2_000, description="Columns of the matrix.")
    matrix_rank: int = Field(5, ge=1, le=1_000, description="Rank of the matrix without noise.")
    condition_number: float = Field(
        10.0, ge=1, le=1e6, description="Its largest singular value over the smallest that is not zero."
    )
    noise: float = Field(
        0.0, ge=0, le=1e3, description="Standard deviation of noise on its entries, whose mean square is 1."
    )
    observed: float = Field(
        1.0, gt=0, le=1, description="Share of the entries that are seen; the rest is held out."
    )
    rank: int = Field(5, ge=1, le=1_000, description="Columns of each factor.")
    batch_size: int | None = Field(
        None, ge=1, le=4_000_000, description="Entries a step; empty: all that are seen."
    )
    l2: float = Field(
        0.0, ge=0, le=1e3, description="Adds this times half the squared norm of both factors to the loss."
    )


class Factors(nn.Module):
    """Entries (i, j) -> u_i'v_j, for factors U [rows, rank] and V [columns, rank]."""

    def __init__(self, params: MatrixFactorizationParams, generator: torch.Generator) -> None:
        super().__init__()
        sizes = (params.rows, params.rank), (params.columns, params.rank)
        u, v = (START * torch.randn(*size, generator=generator, dtype=torch.float64) for size in sizes)
        self.u, self.v = (nn.Embedding(len(part), params.rank, _weight=part) for part in (u, v))

    def forward(self, places: Tensor) -> Tensor:
        """[N, 2] -> [N]."""
        rows, columns = places.unbind(1)
        entries: Tensor = (self.u(rows) * self.v(columns)).sum(1)
        return entries


def matrix(params: MatrixFactorizationParams, generator: torch.Generator) -> Tensor:
    """[rows, columns] of float64: random directions, singular values even in logarithm, mean square 1; and noise."""
    rank = min(params.matrix_rank, params.rows, params.columns)
    left, right = (
        torch.linalg.qr(torch.randn(size, rank, generator=generator, dtype=torch.float64))[0]
        for size in (params.rows, params.columns)
    )
    values = torch.logspace(0, -math.log10(params.condition_number), rank, dtype=torch.float64)
    values *= math.sqrt(params.rows * params.columns) / torch.linalg.vector_norm(values)
    noise = torch.randn(params.rows, params.columns, generator=generator, dtype=torch.float64)
    found: Tensor = left * values @ right.T + params.noise * noise
    return found


def minimum(whole: Tensor, params: MatrixFactorizationParams) -> float | None:
    """The lowest loss; None where it is not known: with entries unseen, and noise, a penalty or too low a rank.

    With all of them seen, the best factors are those of the largest singular values [Eckart & Young 1936], each of
    them shrunk by the penalty [Srebro, Rennie & Jaakkola 2005]: the penalty on both is that on their product's values.
    """
    if params.observed < 1:
        is_exact = params.noise == 0 and params.l2 == 0 and params.rank >= params.matrix_rank
        return 0.0 if is_exact else None
    entries = whole.numel()
    values = torch.linalg.svdvals(whole)
    shrinkage = params.l2 * entries
    kept = torch.minimum(values[: params.rank], torch.tensor(shrinkage, dtype=values.dtype))
    of_kept = 0.5 * kept.square() + shrinkage * (values[: params.rank] - shrinkage).clamp(min=0)
    return float(of_kept.sum() + 0.5 * values[params.rank :].square().sum()) / entries


def build(
    params: MatrixFactorizationParams, seed: int, device: torch.device, dtype: torch.dtype
) -> TaskWithOptimum:
    generator = torch.Generator().manual_seed(seed)
    whole = matrix(params, generator)
    order = torch.randperm(whole.numel(), generator=generator)
    places = torch.stack([order // params.columns, order % params.columns], 1)
    entries = whole.flatten()[order]
    seen = max(round(params.observed * len(order)), 1)
    model = Factors(params, generator)
    return TaskWithOptimum(
        model=model.to(device, dtype),
        loss_function=HalfMeanSquare(),
        error=None,
        data=Split(
            inputs=places[:seen],
            targets=entries[:seen],
            held_out_inputs=places[seen:],
            held_out_targets=entries[seen:],
        ).placed(device, dtype),
        exact=(places[:seen], entries[:seen]),
        optimum=minimum(whole, params),
        batch_size=params.batch_size,
        l2=params.l2,
        seed=seed,
    )


MATRIX_FACTORIZATION = Problem(
    name="matrix-factorization",
    title="Matrix factorization",
    description=(
        "Two factors whose product is a matrix of rank 5, some or all of whose entries are seen: not convex, with a "
        "saddle at zero near the start and no bad minima, and the lowest loss is known [Koren, Bell & Volinsky 2009]."
    ),
    params=MatrixFactorizationParams,
    metrics={
        "loss": "half the squared error of an entry that is seen, mean over them, and the L2 penalty",
        "eval_loss": "half the squared error of an entry held out",
        "suboptimality": SUBOPTIMALITY + "; where that is known",
    },
    build=build,
)
