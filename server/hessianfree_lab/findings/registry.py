"""All findings of a record."""

from collections.abc import Callable, Iterable

from hessianfree_lab.findings import batches, cost, generalization, inner_solve, progress, step_length, trust
from hessianfree_lab.findings.finding import Finding, Severity
from hessianfree_lab.findings.record import Record

FINDERS: tuple[Callable[[Record], Iterable[Finding]], ...] = (
    progress.find,
    step_length.find,
    trust.find,
    inner_solve.find,
    batches.find,
    generalization.find,
    cost.find,
)
METRICS = (
    "loss",
    "loss_after",
    "eval_loss",
    "gradient_norm",
    "step_norm",
    "damping",
    "reduction_ratio",
    "cg_iterations",
    "negative_curvature",
    "step_scale",
    "accepted",
    "loss_evaluations",
    "seconds_gradient",
    "seconds_cg",
    "seconds_search",
    "peak_memory_bytes",
)
"""What they read of a run's columns."""
WHOLE = (
    "loss",
    "loss_after",
    "eval_loss",
    "gradient_norm",
    "step_norm",
    "cg_iterations",
    "negative_curvature",
    "peak_memory_bytes",
)
"""Those of which every value counts; of the others no finding looks back further than a few hundred."""

_ORDER = tuple(Severity)


def findings_of(record: Record) -> list[Finding]:
    """What the record shows, what matters most first; the same record has the same findings."""
    found = [finding for find in FINDERS for finding in find(record)]
    return sorted(found, key=lambda finding: _ORDER.index(finding.severity))
