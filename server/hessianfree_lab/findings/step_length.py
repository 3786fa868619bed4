"""Whether steps are taken at all, and whole."""

from collections.abc import Iterator

import numpy as np

from hessianfree_lab.findings.finding import Finding, Severity
from hessianfree_lab.findings.progress import is_at_rest
from hessianfree_lab.findings.record import Record
from hessianfree_lab.findings.words import number, shown_by, span

LATELY = 20
FAILED = 0.25
IN_A_ROW = 3
"""After three failures in a row the damping has grown by (3/2)^3 and still did not help."""
SHORT = 0.17
"""Median factor of the latest searches: 0.8^8, eight refusals [Martens & Sutskever 2012, 8.8 shrinks by 0.8]."""


def find(record: Record) -> Iterator[Finding]:
    """Steps that were refused, and steps cut short by the line search."""
    if is_at_rest(record):
        return  # nothing is better than the best
    taken = record.column("accepted").last(LATELY)
    refused = taken.values == 0
    if len(taken) < IN_A_ROW:
        return
    if refused[-IN_A_ROW:].all() or (refused.sum() >= IN_A_ROW and refused.mean() >= FAILED):
        hits = taken.steps[refused]
        yield Finding(
            kind="search-fails",
            severity=Severity.WARNING,
            title="Steps are refused",
            text=(
                f"{len(hits)} of the {len(taken)} steps from {taken.steps[0]} to {taken.steps[-1]} changed "
                "nothing: the line search found no length of the step that lowers the loss, or the step was "
                "worse than none. The direction is wrong, or the loss is not the same function each time: try "
                "more damping, double precision, and look for randomness in the model that the optimizer does "
                "not see."
            ),
            evidence=shown_by(hits[0], hits[-1], "step-scale", "reduction-ratio"),
        )
    elif record.is_second_order and (short := _cut_short(record)) is not None:
        yield short


def _cut_short(record: Record) -> Finding | None:
    scales = record.column("step_scale").finite.last(LATELY)
    if len(scales) < LATELY:
        return None
    first_scale = float(record.spec.get("optimizer_params", {}).get("lr") or 1.0)
    middle = float(np.median(scales.values))
    if middle > SHORT * first_scale:
        return None
    return Finding(
        kind="steps-short",
        severity=Severity.NOTE,
        title="The line search cuts steps short",
        text=(
            f"In {span(int(scales.steps[0]), int(scales.steps[-1]))} its median factor was {number(middle)}, of "
            f"{number(first_scale)} at first: the model's minimum is too far away. More damping would make CG "
            "find shorter steps in better directions, and save the trials."
        ),
        evidence=shown_by(scales.steps[0], scales.steps[-1], "step-scale"),
    )
