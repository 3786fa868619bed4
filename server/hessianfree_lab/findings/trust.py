"""Whether the quadratic model can be trusted: damping and reduction ratio [Martens 2010, 4.1]."""

from collections.abc import Iterator

import numpy as np

from hessianfree_lab.findings.finding import Finding, Severity
from hessianfree_lab.findings.progress import is_at_rest
from hessianfree_lab.findings.record import Record
from hessianfree_lab.findings.words import number, share, shown_by, span

LOW = 0.25
"""Below it damping rises [Martens 2010, 4.1]."""
GOOD = (0.75, 1.5)
"""Above 0.75 damping falls [Martens 2010, 4.1]; a perfect model has 1 to 2, the more damping the higher."""
JUDGED = 20
FEWEST = 10
OFTEN = 0.75
MOSTLY = 0.8

GROWTH = 25.0
"""Eight times the factor 3/2 by which damping rises [Martens 2010, 4.1]."""
GROWTH_STEPS = 50
STILL = 10
STILL_GROWTH = 3.0
RAISES = 4
"""Changes upwards in that time: what its user sets once is no growth."""


def find(record: Record) -> Iterator[Finding]:
    """Damping that keeps growing, ratios that stay low, or good ones."""
    if is_at_rest(record):
        return  # what is left to gain drowns in rounding, and so does the ratio
    yield from _damping(record)
    yield from _ratio(record)


def _damping(record: Record) -> Iterator[Finding]:
    damping = record.column("damping").finite
    window = damping.where(damping.values > 0).last(GROWTH_STEPS)
    if len(window) <= STILL:
        return
    lowest = len(window) - 1 - int(np.argmin(window.values[::-1]))  # the last time it was so low
    now, low = float(window.values[-1]), float(window.values[lowest])
    raises = int((np.diff(window.values[lowest:]) > 0).sum())
    grows = (
        now >= GROWTH * low
        and now >= 0.99 * window.values.max()
        and now >= STILL_GROWTH * window.values[-STILL]
    )
    if not grows or raises < RAISES:
        return
    first, last = int(window.steps[lowest]), int(window.steps[-1])
    yield Finding(
        kind="damping-grows",
        severity=Severity.WARNING,
        title="The damping keeps growing",
        text=(
            f"From {number(low)} at step {first} to {number(now)} at step {last}, raised {raises} times: the "
            "quadratic model promises more than steps achieve. Steps become short and turn into plain gradient "
            "steps. Where batches are drawn, larger ones or judging by more cases help; else look at the "
            "reduction ratio, and try a smoother activation, double precision, or a higher damping to begin with."
        ),
        evidence=shown_by(first, last, "damping", "reduction-ratio"),
    )


def _ratio(record: Record) -> Iterator[Finding]:
    ratio = record.column("reduction_ratio").last(JUDGED)
    if len(ratio) < FEWEST:
        return
    first, last = int(ratio.steps[0]), int(ratio.steps[-1])
    bad = ~(ratio.values >= LOW)  # NaN too
    good = (ratio.values >= GOOD[0]) & (ratio.values <= GOOD[1])
    middle = float(np.median(np.nan_to_num(ratio.values, nan=-np.inf)))
    if bad.mean() >= OFTEN:
        yield Finding(
            kind="ratio-low",
            severity=Severity.WARNING,
            title="The quadratic model does not predict the loss",
            text=(
                f"The reduction ratio was below {LOW} in {int(bad.sum())} of {span(first, last)}; its median is "
                f"{number(middle)}. The loss falls by less than a quarter of what the model promises, or rises. "
                "More damping keeps steps where the model holds; where batches are drawn, larger ones or judging "
                "by more cases make it truer."
            ),
            evidence=shown_by(first, last, "reduction-ratio", "damping"),
        )
    elif good.mean() >= MOSTLY and record.column("accepted").since(first).values.all():
        yield Finding(
            kind="ratio-good",
            severity=Severity.NOTE,
            title="The quadratic model predicts well",
            text=(
                f"In {span(first, last)} the loss fell by what the model promised: the reduction ratio's median "
                f"is {number(middle)}, and {share(float(good.mean()))} lie between {GOOD[0]} and {GOOD[1]}."
            ),
            evidence=shown_by(first, last, "reduction-ratio"),
        )
