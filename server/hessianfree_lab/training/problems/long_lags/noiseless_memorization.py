"""Memorizing a pattern over a long silence [Martens & Sutskever 2011, 4.1]."""

from functools import partial
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from hessianfree_lab.training.problems.classification import CrossEntropyOfTimes
from hessianfree_lab.training.problems.long_lags.task import LongLagParams, LongLagTask, long_lag_problem

PATTERNS = {5: (5, 2), 20: (10, 5)}
"""Symbols of a pattern, and kinds of them: 2 ** 5 patterns, or 5 ** 10, which is more than 20 bits."""


class NoiselessMemorizationParams(LongLagParams):
    """How large a pattern, how long a silence, how many sequences, and the network."""

    length: int = Field(
        30,
        ge=10,
        le=2_000,
        description="Silence between pattern and answer; the sequence is longer by twice the pattern.",
    )
    cases: int = Field(
        5_000, ge=1, le=100_000, description="Training sequences; of 5 bits there are 32 in all."
    )
    bits: Literal[5, 20] = Field(
        5, description="5: five symbols of two kinds, 32 patterns; 20: ten symbols of five kinds."
    )


def draw(
    cases: int, length: int, generator: torch.Generator, *, bits: Literal[5, 20]
) -> tuple[Tensor, Tensor]:
    """Sequences [N, T + 2 s, kinds + 2] of symbols, one-hot, and what is to be answered at each time, [N, T + 2 s].

    A pattern of s symbols, then blanks, of which the last before the answers is a cue; to be answered are blanks, and
    at the last s times the pattern. Where there are no more patterns than `cases`, each of them comes once. Unlike in
    the authors' published code, blank and cue are symbols of their own, and T is the silence alone.
    """
    symbols, kinds = PATTERNS[bits]
    blank, cue = kinds, kinds + 1
    if cases >= kinds**symbols:
        patterns = torch.cartesian_prod(*[torch.arange(kinds)] * symbols)
    else:
        patterns = torch.randint(kinds, (cases, symbols), generator=generator)
    silence = torch.full((len(patterns), length + symbols), blank)
    inputs = torch.cat([patterns, silence], 1)
    inputs[:, -symbols - 1] = cue
    return functional.one_hot(inputs, kinds + 2).double(), torch.cat([silence, patterns], 1)


def share_misremembered(logits: Tensor, answers: Tensor) -> Tensor:
    """Share of cases with a wrong answer at any time."""
    return (logits.argmax(2) != answers).any(1).to(logits.dtype).mean()


def task(params: NoiselessMemorizationParams) -> LongLagTask:
    _, kinds = PATTERNS[params.bits]
    return LongLagTask(
        draw=partial(draw, bits=params.bits),
        inputs=kinds + 2,
        outputs=kinds + 1,
        loss_function=CrossEntropyOfTimes(),
        error=share_misremembered,
        answers_always=True,
    )


NOISELESS_MEMORIZATION = long_lag_problem(
    task,
    name="noiseless-memorization",
    title="Noiseless memorization",
    description=(
        "A recurrent network of 100 tanh units reads 5 or 20 bits, then blanks and a cue, and has to repeat the bits: "
        "many things to hold over the whole silence [Martens & Sutskever 2011]."
    ),
    params=NoiselessMemorizationParams,
    loss="cross-entropy summed over times, nats a case (3.466 or 16.094 for guessing the pattern alone)",
    error="share of fresh sequences with a wrong answer at any time (5 bits: of all 32)",
)
