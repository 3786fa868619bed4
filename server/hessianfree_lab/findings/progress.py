"""Where the loss goes: nowhere, up, or no further."""

from collections.abc import Iterator

import numpy as np

from hessianfree_lab.findings.finding import Finding, Severity
from hessianfree_lab.findings.record import Column, Record
from hessianfree_lab.findings.words import number, share, shown_by, span

GROWN = 3.0
"""Times the first loss; a stable method on a fixed function never gets there, and a batch rarely."""
GROWN_STEPS = 3
"""Latest steps that must all be that high: one bad batch is none of our business."""

PLATEAU_STEPS = 20
PLATEAU_SHARE = 0.5
"""Of the run's steps: the latest half must have brought next to nothing."""
PLATEAU_GAIN = 1e-3
"""Of all that the loss has fallen: less than this in that time is a plateau."""
LONG_PLATEAU_STEPS = 100

AT_REST = 1e-3
"""Gradient norm in units of its largest: below, what is left is the neighbourhood of a stationary point. Single
precision sums of many cases reach about 1e-4."""
FLAT = 1e-4
"""Of the first loss: latest losses that differ by no more. Where only the gradient was large at first, they do."""

_NAMES = {
    "loss": "The loss",
    "loss_after": "The loss after the step",
    "eval_loss": "The held-out loss",
    "gradient_norm": "The gradient's norm",
    "step_norm": "The step's norm",
}


def find(record: Record) -> Iterator[Finding]:
    """Values that are no numbers, a loss that grows, a plateau, convergence: the first that applies."""
    loss = record.column("loss")
    odd = _not_finite(record)
    if odd is not None:
        yield odd
    elif (grown := _grown(loss.finite)) is not None:
        yield grown
    else:
        yield from _standstill(record, loss.finite)


def is_at_rest(record: Record) -> bool:
    """Whether gradient and progress have all but vanished: rounding decides then, and much looks like trouble."""
    gradient, loss = record.column("gradient_norm").finite, record.column("loss").finite
    if len(gradient) < 2 or len(loss) < 2:
        return False
    small = float(np.median(gradient.last(5).values)) <= AT_REST * float(gradient.values.max())
    return small and float(np.ptp(loss.last(10).values)) <= FLAT * abs(float(loss.values[0]))


def _not_finite(record: Record) -> Finding | None:
    found = [
        (int(column.steps[index]), name, float(column.values[index]))
        for name in ("loss", "loss_after", "eval_loss", "gradient_norm", "step_norm")
        for column in [record.column(name)]
        for index in np.flatnonzero(~np.isfinite(column.values))[:1]
    ]
    if not found:
        return None
    step, name, value = min(found)
    rate = record.spec.get("optimizer_params", {}).get("lr")
    tried = "more damping" if record.is_second_order else "a smaller learning rate"
    given = f" than {number(float(rate))}" if rate is not None and not record.is_second_order else ""
    return Finding(
        kind="not-finite",
        severity=Severity.PROBLEM,
        title="The run has diverged",
        text=(
            f"{_NAMES[name]} is {number(value)} at step {step}: parameters or losses have grown beyond what the "
            f"arithmetic holds, and nothing after it means anything. Try {tried}{given}, double precision, or "
            "look whether the loss divides by zero or takes the logarithm of it."
        ),
        evidence=shown_by(max(1, step - 20), step, "gradient-norm" if name.endswith("norm") else "loss"),
    )


def _grown(loss: Column) -> Finding | None:
    if len(loss) <= GROWN_STEPS or loss.values[0] <= 0:
        return None
    last = loss.last(GROWN_STEPS)
    if last.values.min() < GROWN * loss.values[0]:
        return None
    low = int(np.argmin(loss.values))
    return Finding(
        kind="loss-grows",
        severity=Severity.PROBLEM,
        title="The loss is growing",
        text=(
            f"It began at {number(loss.values[0])} and is {number(loss.values[-1])} now, "
            f"{loss.values[-1] / loss.values[0]:.3g} times as much: steps are too long for the curvature. Try a "
            "smaller learning rate or more damping."
        ),
        evidence=shown_by(loss.steps[low], loss.steps[-1], "loss"),
    )


def _standstill(record: Record, loss: Column) -> Iterator[Finding]:
    """Next to no progress in the latest half: at a stationary point that is the goal, elsewhere a plateau."""
    rows = int(PLATEAU_SHARE * len(loss))
    if rows < PLATEAU_STEPS:
        return
    before, after = loss.values[:-rows], loss.last(rows)
    # Medians of neighbours, so that noise of batches is no progress.
    start = float(np.median(before[:5]))
    reached, now = float(np.median(before[-5:])), float(np.median(after.values[-5:]))
    fallen = start - min(reached, now)
    if fallen <= 0 or reached - now >= PLATEAU_GAIN * fallen:
        return
    where = span(int(after.steps[0]), int(after.steps[-1]))
    if is_at_rest(record):
        gradient = record.column("gradient_norm").finite
        yield Finding(
            kind="converged",
            severity=Severity.NOTE,
            title="Converged",
            text=(
                f"The gradient norm has fallen from {number(gradient.values.max())} to "
                f"{number(gradient.values[-1])}, and {where} changed the loss by {number(now - reached)}. More "
                "steps will hardly help."
            ),
            evidence=shown_by(after.steps[0], after.steps[-1], "loss", "gradient-norm"),
        )
        return
    # Noise of batches keeps the gradient up wherever they are drawn: that is how such a run ends.
    long = rows >= LONG_PLATEAU_STEPS and record.draws_batches is False
    yield Finding(
        kind="plateau",
        severity=Severity.WARNING if long and not record.has_ended else Severity.NOTE,
        title="The loss no longer falls",
        text=(
            f"{where[0].upper()}{where[1:]}, half of the run, brought {share(max(reached - now, 0) / fallen)} of "
            f"all that the loss has fallen; it is {number(now)} now. The gradient is not small, so this is a "
            "plateau or the noise of batches rather than a minimum. Try another learning rate or less damping, "
            "larger batches, or end the run."
        ),
        evidence=shown_by(after.steps[0], after.steps[-1], "loss"),
    )
