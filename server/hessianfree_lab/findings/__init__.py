"""Findings: pure functions from what a run recorded to plain words about its health."""

from hessianfree_lab.findings.finding import Evidence, Finding, Severity
from hessianfree_lab.findings.record import Column, Interruption, Recent, Record
from hessianfree_lab.findings.registry import METRICS, WHOLE, findings_of

__all__ = [
    "METRICS",
    "WHOLE",
    "Column",
    "Evidence",
    "Finding",
    "Interruption",
    "Recent",
    "Record",
    "Severity",
    "findings_of",
]
