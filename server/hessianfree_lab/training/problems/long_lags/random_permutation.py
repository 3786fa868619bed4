"""Remembering the first of many random symbols [Hochreiter & Schmidhuber 1997, 5.2; Martens & Sutskever 2011, 4.1]."""

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from hessianfree_lab.training.problems.classification import CrossEntropyOfTimes, error_rate
from hessianfree_lab.training.problems.long_lags.task import LongLagParams, LongLagTask, long_lag_problem

KINDS = 100  # symbols; the first of a sequence is one of two that occur nowhere else


class RandomPermutationParams(LongLagParams):
    """How long, how many, and the network."""

    held_out_cases: int = Field(
        5_000,  # of a hundred numbers a time
        ge=1,
        le=100_000,
        description="Fresh sequences, never trained on, for the error; of a thousand or fewer not one may be wrong.",
    )


def draw(cases: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences [N, T, 100] of symbols, one-hot, and what comes after each of them, [N, T].

    The first symbol is one of two, the others are drawn from the remaining 98 alike, and after the last comes the first
    again. That alone can be foretold. As in the authors' published code the symbols may repeat, whatever the name says.
    """
    first = torch.randint(2, (cases, 1), generator=generator)
    others = torch.randint(2, KINDS, (cases, length - 1), generator=generator)
    sequences = torch.cat([first, others], 1)
    return functional.one_hot(sequences, KINDS).double(), torch.cat([others, first], 1)


def share_forgotten(logits: Tensor, following: Tensor) -> Tensor:
    """Share of cases whose last answer is wrong: the one that can be known."""
    return error_rate(logits[:, -1], following[:, -1])


RANDOM_PERMUTATION = long_lag_problem(
    lambda _: LongLagTask(
        draw=draw,
        inputs=KINDS,
        outputs=KINDS,
        loss_function=CrossEntropyOfTimes(),
        error=share_forgotten,
        answers_always=True,
    ),
    name="random-permutation",
    title="Random permutation",
    description=(
        "A recurrent network of 100 tanh units foretells the next symbol at each time. All are random but the last, "
        "which is the first again: the whole sequence lies between, and the loss of what cannot be foretold on top "
        "[Hochreiter & Schmidhuber 1997; Martens & Sutskever 2011]."
    ),
    params=RandomPermutationParams,
    loss="cross-entropy summed over times, nats a case (4.585 a time cannot be foretold, 0.693 at the end can)",
    error="share of fresh sequences whose last symbol is foretold wrongly",
)
