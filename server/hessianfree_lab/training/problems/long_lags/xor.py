"""Exclusive or of two bits of a long sequence [Martens & Sutskever 2011, 4.1]."""

import torch
from torch import Tensor, nn

from hessianfree_lab.training.problems.classification import share_wrong
from hessianfree_lab.training.problems.long_lags.marked_numbers import marked
from hessianfree_lab.training.problems.long_lags.task import LongLagParams, LongLagTask, long_lag_problem


def draw(cases: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences [N, T, 2] of a bit, 0 or 1, and a mark, and targets [N, 1]: 1 where just one of the marked is 1."""
    bits = torch.randint(2, (cases, length), generator=generator).double()
    sequences, two = marked(bits, generator)
    return sequences, two.sum(1, keepdim=True) % 2


XOR = long_lag_problem(
    lambda _: LongLagTask(
        draw=draw, inputs=2, outputs=1, loss_function=nn.BCEWithLogitsLoss(), error=share_wrong
    ),
    name="xor",
    title="XOR with long lags",
    description=(
        "Like addition, but of random bits, and the answer is whether the two marked ones differ: either alone says "
        "nothing of it, so nothing is learned until both are remembered [Martens & Sutskever 2011]."
    ),
    params=LongLagParams,
    loss="cross-entropy of the answer, nats a case (0.693 for a coin's)",
    error="share of fresh sequences with a wrong answer",
)
