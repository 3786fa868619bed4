"""Adding two numbers of a long sequence [Hochreiter & Schmidhuber 1997, 5.4]."""

import torch
from torch import Tensor, nn

from hessianfree_lab.training.problems.long_lags import LongLagTask, long_lag_problem

TOLERANCE = 0.04  # an answer further off is wrong


def draw(cases: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences [N, T, 2] of a number in [-1, 1] and a mark, and targets [N, 1]: 1/2 + a quarter of the marked sum.

    One mark is in the first tenth, another in the first half. Unlike the original all are of one length, and neither
    end is marked.
    """
    numbers = 2 * torch.rand(cases, length, generator=generator, dtype=torch.float64) - 1
    first = torch.randint(max(length // 10, 1), (cases, 1), generator=generator)
    other = torch.randint(length // 2 - 1, (cases, 1), generator=generator)
    second = other + (other >= first)  # each place but that of the first is as likely
    marks = torch.zeros_like(numbers).scatter_(1, torch.cat([first, second], 1), 1.0)
    targets = 0.5 + 0.25 * (numbers * marks).sum(1, keepdim=True)
    return torch.stack([numbers, marks], 2), targets


def share_wrong(outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of cases whose answer is off by more than 0.04."""
    return ((outputs - targets).abs() > TOLERANCE).to(outputs.dtype).mean()


ADDITION = long_lag_problem(
    LongLagTask(draw=draw, inputs=2, outputs=1, loss_function=nn.MSELoss(), error=share_wrong),
    name="addition",
    title="Addition with long lags",
    description=(
        "A recurrent network of 100 tanh units reads a sequence and answers the sum of the two numbers that were "
        "marked: both are in its first half, so that gradients must reach back over the second."
    ),
    metrics={
        "loss": "squared error of the sum, mean over cases (0.042 for the mean answer)",
        "eval_loss": "the same on fresh sequences",
        "eval_error": "share of fresh sequences with an answer off by more than 0.04",
    },
)
