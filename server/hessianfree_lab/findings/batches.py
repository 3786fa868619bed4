"""Whether the loss is the same function from step to step, and what follows where it is not."""

from collections.abc import Iterator

import numpy as np

from hessianfree_lab.findings.finding import Finding, Severity
from hessianfree_lab.findings.record import Floats, Record, Steps
from hessianfree_lab.findings.words import number, share, shown_by, span

LATELY = 50
FEWEST = 10
DIFFERENT = 1e-3
"""Of the loss: sums in another order differ by 1e-6 in single precision, a mask of dropout or a batch by per cents."""
CARRIED_OVER = 0.1
"""What is left, on the next batch, of what steps gain on their own; less means that they learn the batch."""
GAIN = 0.02
"""Of the loss: what steps gain on their own batch, at least, for that to say anything."""


def find(record: Record) -> Iterator[Finding]:
    """Another loss at the point where the last step ended; gains that stay with their batch."""
    steps, (loss, after) = record.together("loss", "loss_after")
    known = np.isfinite(loss) & np.isfinite(after)
    steps, loss, after = steps[known][-LATELY:], loss[known][-LATELY:], after[known][-LATELY:]
    follows = np.flatnonzero(np.diff(steps) == 1)  # rows whose next one is of the next step
    if record.warned_of_randomness:
        yield _random(
            "The optimizer's own check says so in the log: ",
            int(steps[0]) if len(steps) else 1,
            record.last_step,
        )
    if len(follows) < FEWEST:
        return
    where = int(steps[0]), int(steps[-1])
    if record.draws_batches:
        yield from _of_their_batch(loss, after, follows, where)
    elif record.draws_batches is False and not record.warned_of_randomness:
        size = np.maximum(np.abs(after[follows]), 1e-30)
        middle = float(np.median(np.abs(loss[follows + 1] - after[follows]) / size))
        # Where hardly anything is left of the loss, rounding is all of it.
        if (
            middle >= DIFFERENT
            and np.abs(loss).max() > 1e-6 * np.abs(record.column("loss").finite.values).max()
        ):
            yield _random(
                f"A step ends at one loss, and the next begins at another: in {span(*where)} they differ by "
                f"{share(middle)} in the median, though no batches are drawn. ",
                *where,
            )


def _random(how: str, first: int, last: int) -> Finding:
    return Finding(
        kind="not-deterministic",
        severity=Severity.WARNING,
        title="The loss is not deterministic",
        text=(
            f"{how}CG assumes one fixed matrix and the line search one fixed function. Look for dropout, data "
            "that are loaded or augmented inside the closure, statistics of batch normalization, and atomic "
            "additions on a GPU; `test_deterministic=True` tells which quantity differs."
        ),
        evidence=shown_by(max(1, first), max(1, last), "loss"),
    )


def _of_their_batch(loss: Floats, after: Floats, follows: Steps, where: tuple[int, int]) -> Iterator[Finding]:
    gains = loss[follows] - after[follows]
    own = float(gains.sum())
    level = float(np.median(np.abs(loss)))
    part = max(3, len(loss) // 5)
    carried = float(np.median(loss[:part]) - np.median(loss[-part:]))
    if np.median(gains) < GAIN * level or own <= 0 or carried >= CARRIED_OVER * own:
        return
    yield Finding(
        kind="batch-noise",
        severity=Severity.WARNING,
        title="Steps suit their own batch alone",
        text=(
            f"In {span(*where)} every step lowers the loss on its own batch by {number(float(np.median(gains)))} "
            f"in the median, {number(own)} together, but from batch to batch it fell by {number(carried)} only. "
            "The batches are too small for steps this long: try larger ones, more damping, fewer CG iterations, "
            "or judging steps by more cases."
        ),
        evidence=shown_by(*where, "loss", "reduction-ratio"),
    )
