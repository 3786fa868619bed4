"""How the inner solves go: their length, the curvature they meet, how hard the system is."""

import math
from collections.abc import Iterator

import numpy as np

from hessianfree_lab.findings.finding import Finding, Severity
from hessianfree_lab.findings.progress import PLATEAU_GAIN, is_at_rest
from hessianfree_lab.findings.record import Record
from hessianfree_lab.findings.words import number, shown_by, span

AT_THE_LIMIT = "Number of iterations"
SOLVES = 20
FEWEST = 10
ALMOST_ALL = 0.9
SHORT_ON_PURPOSE = 20
"""Iterations: who sets so low a limit means to reach it, as the recommended settings do [decision 82]."""

NEGATIVE_STEPS = 20
OFTEN_NEGATIVE = 0.5
EXPECTING = ("stop", "trust_region", "saddle_free")
"""Values of the option `negative_curvature` with which it does no harm."""

HARD = 1e4
"""Condition number from which on CG alone takes hundreds of iterations: it needs about its square root."""
PRECISION = {"float32": float(np.finfo(np.float32).eps), "float64": float(np.finfo(np.float64).eps)}


def find(record: Record) -> Iterator[Finding]:
    """Solves always at their limit, negative curvature, an ill-conditioned system."""
    limited = _limited(record)
    if limited is not None:
        yield limited
    yield from _negative_curvature(record)
    yield from _condition(record, at_limit=limited is not None)


def _limited(record: Record) -> Finding | None:
    recent = record.recent
    solves = [(int(step), stop) for step, stop in zip(recent.steps, recent.stops, strict=True) if stop][
        -SOLVES:
    ]
    hits = sum(stop == AT_THE_LIMIT for _, stop in solves)
    lengths = record.column("cg_iterations").finite
    if len(solves) < FEWEST or hits < ALMOST_ALL * len(solves) or not len(lengths):
        return None
    limit = int(lengths.values[-1])
    first, last = solves[0][0], solves[-1][0]
    stalled = _stalled(record, first)
    if limit <= SHORT_ON_PURPOSE and not stalled:
        return None
    return Finding(
        kind="cg-limit",
        severity=Severity.WARNING if stalled else Severity.NOTE,
        title="CG always runs into its limit",
        text=(
            f"{hits} of the {len(solves)} solves in {span(first, last)} were cut off after {limit} iterations, "
            "before they had converged: steps are less than the model could give. "
            + (
                "The loss hardly falls any more: a preconditioner, more damping or a higher limit would help."
                if stalled
                else "The loss falls all the same; a preconditioner, or more damping, would make solves shorter."
            )
        ),
        evidence=shown_by(first, last, "cg-iterations"),
    )


def _stalled(record: Record, first: int) -> bool:
    """Whether the loss has hardly fallen since step `first`, away from a stationary point.

    Between batches it does so whatever CG achieves: nothing is said of them.
    """
    loss = record.column("loss").finite
    since = loss.since(first)
    if len(since) < FEWEST or record.draws_batches or is_at_rest(record):
        return False
    fallen = float(loss.values[0] - since.values.min())
    return fallen > 0 and float(since.values[0] - since.values[-1]) < PLATEAU_GAIN * fallen


def _negative_curvature(record: Record) -> Iterator[Finding]:
    met, solves = record.column("negative_curvature"), record.column("cg_iterations")
    if not len(met) or not len(solves):
        return
    lately = np.isin(solves.last(NEGATIVE_STEPS).steps, met.steps)
    often = len(lately) >= FEWEST and lately.mean() >= OFTEN_NEGATIVE
    low = int(np.argmin(met.values))
    options = record.spec.get("optimizer_params", {})
    expected = options.get("negative_curvature") in EXPECTING
    seen = f"{len(met)} of {len(solves)} solves" if len(met) > 1 else f"the solve of step {int(met.steps[0])}"
    yield Finding(
        kind="negative-curvature",
        severity=Severity.WARNING if often and not expected else Severity.NOTE,
        title="Negative curvature" + (" in most steps" if often else " was seen"),
        text=(
            f"In {seen} CG met a direction in which the damped matrix bends down, lowest "
            f"{number(float(met.values[low]))} at step {int(met.steps[low])}. The quadratic model has no minimum "
            "there: near saddles the Hessian is so; the Gauss-Newton matrix is only by rounding. Try more "
            "damping, the Gauss-Newton matrix, or a solver made for it (a trust region, or saddle-free)."
        ),
        evidence=shown_by(met.steps[0], met.steps[-1], "cg-iterations", "damping"),
    )


def _condition(record: Record, *, at_limit: bool) -> Iterator[Finding]:
    positive = [value for value in record.ritz_values if value > 0 and math.isfinite(value)]
    if len(positive) < 2 or record.ritz_step is None:
        return
    condition = max(positive) / min(positive)
    if condition < HARD:
        return
    beyond = condition * PRECISION.get(str(record.spec.get("dtype", "float32")), PRECISION["float32"]) >= 1
    yield Finding(
        kind="ill-conditioned",
        severity=Severity.WARNING if beyond and at_limit else Severity.NOTE,
        title="The linear system is ill-conditioned",
        text=(
            f"The Ritz values of step {record.ritz_step} run from {number(min(positive))} to "
            f"{number(max(positive))}: the condition number is at least {number(condition)}, for which CG needs "
            f"about {math.sqrt(condition):.0f} iterations. "
            + ("Digits beyond the number format are lost. " if beyond else "")
            + "A preconditioner brings the values together; damping lifts the small ones."
        ),
        evidence=shown_by(record.ritz_step, record.ritz_step, "ritz-values", "cg-iterations"),
    )
