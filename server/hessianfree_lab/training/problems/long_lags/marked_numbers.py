"""Sequences of numbers of which two are marked, after [Hochreiter & Schmidhuber 1997, 5.4]."""

import torch
from torch import Tensor

TOLERANCE = 0.04  # a real-valued answer further off is wrong


def marked(numbers: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences [N, T, 2] of `numbers` [N, T] and marks, and the two numbers that were marked, [N, 2].

    One mark is in the first tenth, another in the first half. Unlike the original all are of one length, and neither
    end is marked.
    """
    cases, length = numbers.shape
    first = torch.randint(max(length // 10, 1), (cases, 1), generator=generator)
    other = torch.randint(length // 2 - 1, (cases, 1), generator=generator)
    second = other + (other >= first)  # each place but that of the first is as likely
    places = torch.cat([first, second], 1)
    marks = torch.zeros_like(numbers).scatter_(1, places, 1.0)
    return torch.stack([numbers, marks], 2), numbers.gather(1, places)


def share_off(outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of cases whose answer is off by more than 0.04."""
    return ((outputs - targets).abs() > TOLERANCE).to(outputs.dtype).mean()
