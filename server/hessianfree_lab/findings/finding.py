"""What a finding is."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters."""

    PROBLEM = "problem"  # the run as it is leads nowhere
    WARNING = "warning"  # it goes on, but something costs progress or will
    NOTE = "note"  # worth knowing; good news too


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The figure, and the steps from first to last (both included), that show it."""

    figure: str
    first_step: int
    last_step: int


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that the record of a run shows, in words: `title` in a few, `text` what it means and what to try."""

    kind: str
    severity: Severity
    title: str
    text: str
    evidence: tuple[Evidence, ...] = ()
