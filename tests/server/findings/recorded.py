"""Records to find something in: made of a few columns, or of a short training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hessianfree_lab.findings import Column, Finding, Recent, Record, findings_of

JOB: Mapping[str, Any] = {"problem": "p", "problem_params": {"batch_size": None}, "dtype": "float32"}


def record(*, stops: Sequence[str | None] = (), first: int = 1, **columns: Any) -> Record:
    """A full-batch job's record: its columns from step `first` on (None: not measured there), and why solves ended.

    Names that are fields of Record are those.
    """
    own = {name: columns.pop(name) for name in list(columns) if name in Record.__dataclass_fields__}
    found = {}
    for name, values in columns.items():
        steps = np.arange(first, first + len(values))
        there = np.array([value is not None for value in values], dtype=bool)
        floats = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        found[name] = Column(steps[there], floats[there])
    if stops:
        steps = np.arange(first, first + len(stops))
        own["recent"] = Recent(steps=steps, seconds=steps / 10, moments=steps / 10, stops=tuple(stops))
    return Record(**{"columns": found, "spec": JOB} | own)


def kinds(found: Record) -> dict[str, str]:
    """Kind and severity of everything that is found."""
    return {finding.kind: str(finding.severity) for finding in findings_of(found)}


def one(found: Record, kind: str) -> Finding:
    """The one finding of that kind."""
    (finding,) = [finding for finding in findings_of(found) if finding.kind == kind]
    return finding


def shown(finding: Finding) -> list[tuple[str, int, int]]:
    """Figures and steps of its evidence."""
    return [(part.figure, part.first_step, part.last_step) for part in finding.evidence]
