"""The order of two or three symbols of a long sequence [Hochreiter & Schmidhuber 1997, 5.6]."""

from functools import partial
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from hessianfree_lab.training.problems.classification import error_rate
from hessianfree_lab.training.problems.long_lags.task import LongLagParams, LongLagTask, long_lag_problem

DISTRACTORS = 4
X, START, END = DISTRACTORS, DISTRACTORS + 2, DISTRACTORS + 3  # Y comes after X
KINDS = DISTRACTORS + 4

PLACES = {2: ((0.1, 0.2), (0.5, 0.6)), 3: ((0.1, 0.2), (0.33, 0.43), (0.66, 0.76))}
"""From where to where in the sequence each of the symbols lies, as shares of its length."""


class TemporalOrderParams(LongLagParams):
    """How many symbols, how long, how many sequences, and the network."""

    symbols: Literal[2, 3] = Field(2, description="Symbols whose order is asked for: 4 or 8 answers.")


def draw(
    cases: int, length: int, generator: torch.Generator, *, symbols: Literal[2, 3]
) -> tuple[Tensor, Tensor]:
    """Sequences [N, T, 8] of symbols, one-hot, and which of the 4 or 8 orders of X and Y was in them, [N].

    A sequence is START, then one of four distractors at each time, then END; X or Y, as likely, stand in the places of
    the original, scaled from its 100 symbols to T. Unlike there, all sequences are of one length.
    """
    sequences = torch.randint(DISTRACTORS, (cases, length), generator=generator)
    sequences[:, 0], sequences[:, -1] = START, END
    orders = torch.zeros(cases, dtype=torch.long)
    for begin, end in PLACES[symbols]:
        # Begin and end are both possible; rounded first, since 0.43 * 100 is a little less than 43.
        first, last = (int(round(share * length, 6)) for share in (begin, end))
        places = torch.randint(first, last + 1, (cases, 1), generator=generator)
        is_y = torch.randint(2, (cases, 1), generator=generator)
        sequences.scatter_(1, places, X + is_y)
        orders = 2 * orders + is_y[:, 0]
    return functional.one_hot(sequences, KINDS).double(), orders


def task(params: TemporalOrderParams) -> LongLagTask:
    return LongLagTask(
        draw=partial(draw, symbols=params.symbols),
        inputs=KINDS,
        outputs=2**params.symbols,
        loss_function=nn.CrossEntropyLoss(),
        error=error_rate,
    )


TEMPORAL_ORDER = long_lag_problem(
    task,
    name="temporal-order",
    title="Temporal order",
    description=(
        "Two or three times a symbol X or Y stands among distractors, and a recurrent network of 100 tanh units says "
        "at the end which came in what order [Hochreiter & Schmidhuber 1997; Martens & Sutskever 2011]."
    ),
    params=TemporalOrderParams,
    loss="cross-entropy of the order, nats a case (1.386 or 2.079 for an even guess)",
    error="share of fresh sequences with a wrong order",
)
