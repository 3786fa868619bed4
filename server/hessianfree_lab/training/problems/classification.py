"""Losses and errors of answers that are classes, one a case or one at each time."""

from torch import Tensor, nn
from torch.nn import functional


def error_rate(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of cases whose largest logit, of [N, classes], is not their label's."""
    return (logits.argmax(dim=1) != labels).to(logits.dtype).mean()


def share_wrong(logits: Tensor, targets: Tensor) -> Tensor:
    """Share of cases, of two classes, whose logit has the wrong sign."""
    return ((logits > 0) != (targets > 0.5)).to(logits.dtype).mean()


class CrossEntropyOfTimes(nn.Module):
    """Cross-entropy of logits [N, T, classes] with labels [N, T], summed over times, mean over cases; in nats."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        total = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
        return total / len(labels)


class CrossEntropyATime(nn.Module):
    """Cross-entropy of logits [N, T, classes] with labels [N, T], mean over times and cases; in nats."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(logits.flatten(0, 1), labels.flatten())


def share_of_times_wrong(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of times, over all cases, whose largest logit, of [N, T, classes], is not their label's."""
    return (logits.argmax(dim=2) != labels).to(logits.dtype).mean()
