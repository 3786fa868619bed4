"""Adding two numbers of a long sequence [Hochreiter & Schmidhuber 1997, 5.4]."""

import torch
from torch import Tensor, nn

from hessianfree_lab.training.problems.long_lags.marked_numbers import marked, share_off
from hessianfree_lab.training.problems.long_lags.task import LongLagParams, LongLagTask, long_lag_problem


def draw(cases: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences [N, T, 2] of a number in [-1, 1] and a mark, and targets [N, 1]: 1/2 + a quarter of the marked sum."""
    numbers = 2 * torch.rand(cases, length, generator=generator, dtype=torch.float64) - 1
    sequences, two = marked(numbers, generator)
    return sequences, 0.5 + 0.25 * two.sum(1, keepdim=True)


ADDITION = long_lag_problem(
    lambda _: LongLagTask(draw=draw, inputs=2, outputs=1, loss_function=nn.MSELoss(), error=share_off),
    name="addition",
    title="Addition with long lags",
    description=(
        "A recurrent network of 100 tanh units reads a sequence and answers the sum of the two numbers that were "
        "marked: both are in its first half, so that gradients must reach back over the second "
        "[Hochreiter & Schmidhuber 1997; Martens & Sutskever 2011]."
    ),
    params=LongLagParams,
    loss="squared error of the sum, mean over cases (0.042 for the mean answer)",
    error="share of fresh sequences with an answer off by more than 0.04",
)
