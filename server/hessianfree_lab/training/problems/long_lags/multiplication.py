"""Multiplying two numbers of a long sequence [Hochreiter & Schmidhuber 1997, 5.5]."""

import torch
from torch import Tensor, nn

from hessianfree_lab.training.problems.long_lags.marked_numbers import marked, share_off
from hessianfree_lab.training.problems.long_lags.task import LongLagParams, LongLagTask, long_lag_problem


def draw(cases: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences [N, T, 2] of a number in [0, 1] and a mark, and targets [N, 1]: the product of the marked two."""
    sequences, two = marked(torch.rand(cases, length, generator=generator, dtype=torch.float64), generator)
    return sequences, two.prod(1, keepdim=True)


MULTIPLICATION = long_lag_problem(
    lambda _: LongLagTask(draw=draw, inputs=2, outputs=1, loss_function=nn.MSELoss(), error=share_off),
    name="multiplication",
    title="Multiplication with long lags",
    description=(
        "Like addition, but the answer is the product of the two marked numbers, both in [0, 1]: a sum will not do "
        "for it [Hochreiter & Schmidhuber 1997; Martens & Sutskever 2011]."
    ),
    params=LongLagParams,
    loss="squared error of the product, mean over cases (0.049 for the mean answer)",
    error="share of fresh sequences with an answer off by more than 0.04",
)
