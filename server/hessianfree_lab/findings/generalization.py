"""Whether what is learnt holds on data that were held out."""

from collections.abc import Iterator

import numpy as np

from hessianfree_lab.findings.finding import Finding, Severity
from hessianfree_lab.findings.record import Record
from hessianfree_lab.findings.words import number, share, shown_by

RISEN_A_LITTLE, RISEN = 0.01, 0.05
"""Of the best held-out loss [Prechelt 1998, 2.2 stops at a "generalization loss" of 5 %]."""
EVALUATIONS = 5
"""That must have been made since the best one."""
LOSS_FALLEN = 0.01
"""Of the loss at the best held-out one: without that it is no overfitting."""


def find(record: Record) -> Iterator[Finding]:
    """Held-out loss rising while the loss falls."""
    held, loss = record.column("eval_loss").finite, record.column("loss").finite
    if len(held) <= EVALUATIONS or not len(loss):
        return
    best = int(np.argmin(held.values))
    lowest, now = float(held.values[best]), float(np.median(held.last(3).values))
    if len(held) - 1 - best < EVALUATIONS or lowest <= 0:
        return
    risen = now / lowest - 1
    then = loss.since(int(held.steps[best]))
    if risen < RISEN_A_LITTLE or not len(then):
        return
    loss_then, loss_now = float(then.values[0]), float(np.median(loss.last(3).values))
    if loss_now > (1 - LOSS_FALLEN) * loss_then:
        return
    step = int(held.steps[best])
    yield Finding(
        kind="overfitting",
        severity=Severity.WARNING if risen >= RISEN else Severity.NOTE,
        title="The held-out loss is rising" if risen >= RISEN else "The held-out loss no longer falls",
        text=(
            f"It was lowest at step {step}, {number(lowest)}, and is {number(now)} now, {share(risen)} higher, "
            f"while the loss fell from {number(loss_then)} to {number(loss_now)}: the model learns its data by "
            f"heart. The parameters of step {step} were better for new data; try weight decay, more data, or a "
            "smaller model."
        ),
        evidence=shown_by(step, held.steps[-1], "loss"),
    )
